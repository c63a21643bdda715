"""Each sort of personal data is found whole, in English and Chinese, and what only looks like it stays."""

from __future__ import annotations

import pytest

from agent_factory.privacy.redactor import Redactor, find_personal_data

FOUND = [
    ("亲爱的李雷，您的订单已发货", "李雷", "PERSON"),
    ("我姓张，叫张伟", "张伟", "PERSON"),
    ("我姓张，名叫小伟。", "小伟", "PERSON"),
    ("送到台北市大安区忠孝东路四段100号", "台北市大安区忠孝东路四段100号", "ADDRESS"),
    ("寄到台北市大安區忠孝東路四段100號3樓", "台北市大安區忠孝東路四段100號3樓", "ADDRESS"),
    ("I live at Storgatan 12, 111 23 Stockholm now", "Storgatan 12, 111 23 Stockholm", "ADDRESS"),
    ("to Hoofdstraat 8b please", "Hoofdstraat 8b", "ADDRESS"),
    ("mail j.doe (at) corp dot com please", "j.doe (at) corp dot com", "EMAIL"),
    ("reach me at five five five, one two three four", "five five five, one two three four", "PHONE"),
    ("我的电话是一三八零零一三八零零零", "一三八零零一三八零零零", "PHONE"),
    ("打幺三八 零零一三 八零零零", "幺三八 零零一三 八零零零", "PHONE"),
    ("my car 1M8GDM9AXKP042788 is red", "1M8GDM9AXKP042788", "NATIONAL_ID"),
    ("VIN: WVWZZZ1KZAW000001", "WVWZZZ1KZAW000001", "NATIONAL_ID"),
    ("车停在B2，浙A12345", "浙A12345", "NATIONAL_ID"),
    ("我的车粤B·D12345要保养", "粤B·D12345", "NATIONAL_ID"),
    (
        "the AWS secret wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY leaked",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "SECRET",
    ),
    ("paid with 5105-1051-0510-5100 in March", "5105-1051-0510-5100", "CARD"),
    ("Amex 3782 822463 10005 was declined", "3782 822463 10005", "CARD"),
    ("my card 4012888888881882 does not work", "4012888888881882", "CARD"),
    ("信用卡尾号8841被扣款", "8841", "CARD"),
    ("**** **** **** 4242", "4242", "CARD"),
    ("to GB82WEST12345698765432 please", "GB82WEST12345698765432", "IBAN"),
    ("to gb82 is no IBAN but NO93 8601 1117 947 is", "NO93 8601 1117 947", "IBAN"),
    ("身份证11010519491231002X已核实", "11010519491231002X", "NATIONAL_ID"),
    ("resident id 110105 19491231 002X", "110105 19491231 002X", "NATIONAL_ID"),
    ("证件号码：123456199001011234", "123456199001011234", "NATIONAL_ID"),
    ("NI number is AB 12 34 56 C", "AB 12 34 56 C", "NATIONAL_ID"),
    ("我叫李明，想退货", "李明", "PERSON"),
    ("收件人：陈可欣", "陈可欣", "PERSON"),
    ("我老公王正，昨天下单", "王正", "PERSON"),
    ("我叫張偉", "張偉", "PERSON"),
    ("我是劉德華", "劉德華", "PERSON"),
    ("我的名字是黃曉明", "黃曉明", "PERSON"),
    ("陳美玲小姐您好", "陳美玲", "PERSON"),
    ("親愛的歐陽鋒，您好", "歐陽鋒", "PERSON"),
    ("聯絡人：諸葛亮", "諸葛亮", "PERSON"),
    ("請幫我轉給司馬遷先生", "司馬遷", "PERSON"),
    ("his NI number, since the move, has been 83049917 he says", "83049917", "NATIONAL_ID"),
    ("CPF 529.982.247-25", "529.982.247-25", "NATIONAL_ID"),
    ("Steuer-ID 86095742719", "86095742719", "NATIONAL_ID"),
    ("svenskt personnummer 811228-9874", "811228-9874", "NATIONAL_ID"),
    ("driver's license no. D1234567 from Ohio", "D1234567", "NATIONAL_ID"),
    ("港澳通行证号码C12345678", "C12345678", "NATIONAL_ID"),
    ("social security 536 90 4399", "536 90 4399", "SSN"),
    ("打13912345678找我", "13912345678", "PHONE"),
    ("座机０１０－８８８８９９９９", "０１０－８８８８９９９９", "PHONE"),
    ("+86 (0)21 6666 7777 at night", "+86 (0)21 6666 7777", "PHONE"),
    ("Phone:\n434 14 557", "434 14 557", "PHONE"),
    ("Fax: 259.735.7502x459", "259.735.7502x459", "PHONE"),
    ("write to kim (at) example (dot) org", "kim (at) example (dot) org", "EMAIL"),
    ("邮箱kim.lee@example.cn谢谢", "kim.lee@example.cn", "EMAIL"),
    ("from 2001:db8:85a3::8a2e:370:7334 again", "2001:db8:85a3::8a2e:370:7334", "IP"),
    ("login from 10.1.2.3", "10.1.2.3", "IP"),
    ("my username is star_gazer9, thanks", "star_gazer9", "USER"),
    ("用户名：xiaoming_88", "xiaoming_88", "USER"),
    ("user_id: mira_k_77, twice", "mira_k_77", "USER"),
    ("微信号 `lizixuan_92`", "lizixuan_92", "USER"),
    ("加我微信wxid_a8b9吧", "wxid_a8b9", "USER"),
    ("Passport no. X4RTBPFW4", "X4RTBPFW4", "NATIONAL_ID"),
    ("香港 9123 4567", "9123 4567", "PHONE"),
    ("HK 6123-4567, evenings", "6123-4567", "PHONE"),
    ("Signed,\nThaddeus Wrexcombe", "Thaddeus Wrexcombe", "PERSON"),
    ("the user_id is wrexcombe42, not mine", "wrexcombe42", "USER"),
    ("changed my username to wrex_combe", "wrex_combe", "USER"),
    ("user wrex_combe complained at 10", "wrex_combe", "USER"),
    ("passport, number X4RTBPFW4", "X4RTBPFW4", "NATIONAL_ID"),
    ("birthday 03/12/84", "03/12/84", "BIRTHDATE"),
    ("他是1984年3月12日出生的", "1984年3月12日", "BIRTHDATE"),
    ("my birthday is on the 5th of May", "5th of May", "BIRTHDATE"),
    ("出生日期 19840312", "19840312", "BIRTHDATE"),
    ("meet me at Flat 2, 9 Rosebery Gardens, York YO1 7HH.", "Flat 2, 9 Rosebery Gardens, York YO1 7HH", "ADDRESS"),
    ("to 350 W 57th Street Apt 4B\nNew York, NY 10019", "350 W 57th Street Apt 4B\nNew York, NY 10019", "ADDRESS"),
    ("P.O. Box 88, Salem, OR 97301", "P.O. Box 88, Salem, OR 97301", "ADDRESS"),
    ("12 rue de la Paix, 75002 Paris", "12 rue de la Paix, 75002 Paris", "ADDRESS"),
    ("Calle Mayor 5, 28013 Madrid", "Calle Mayor 5, 28013 Madrid", "ADDRESS"),
    ("请送到北京市海淀区中关村大街27号1101室", "北京市海淀区中关村大街27号1101室", "ADDRESS"),
    ("我住在广州市天河区体育西路8号", "广州市天河区体育西路8号", "ADDRESS"),
    ("邮编：510620", "510620", "ADDRESS"),
    ("I'm Elif Yıldırım from Izmir", "Elif Yıldırım", "PERSON"),
    ("my name is piet mondriaan and I paint", "piet mondriaan", "PERSON"),
    ("Best wishes,\nSiobhan", "Siobhan", "PERSON"),
    ("Robert Oppenheimer called twice", "Robert Oppenheimer", "PERSON"),
    ("Contact: Ngozi Adichie, room 4", "Ngozi Adichie", "PERSON"),
    ("Guests: Aino Aalto and Eero Saarinen", "Eero Saarinen", "PERSON"),
    ("Ottoline Morrell\n7 Gower Street, London", "Ottoline Morrell", "PERSON"),
    ("我叫司马光想退货", "司马光", "PERSON"),
    ("请王建国先生接电话", "王建国", "PERSON"),
    ("李女士您好", "李", "PERSON"),
    ("- **联系人**：周杰", "周杰", "PERSON"),
    ("sk-ant-api03-AbCdEfGhIjKlMnOpQrSt1234", "sk-ant-api03-AbCdEfGhIjKlMnOpQrSt1234", "SECRET"),
    ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "SECRET"),
    ("key AKIAIOSFODNN7EXAMPLE in the log", "AKIAIOSFODNN7EXAMPLE", "SECRET"),
    ("Bearer mF_9.B5f-4.1JqM-abcdef", "mF_9.B5f-4.1JqM-abcdef", "SECRET"),
    ("client_secret = 'q7Wz9xLm2Kp4Rt8Y'", "q7Wz9xLm2Kp4Rt8Y", "SECRET"),
    ("the password is hunter2 now", "hunter2", "SECRET"),
    ("mysql://root:s3cr3t@db:3306", "s3cr3t", "SECRET"),
    ("my PIN is 4821", "4821", "SECRET"),
    ("口令: abcd1234efgh", "abcd1234efgh", "SECRET"),
]

STAYS = [
    "亲爱的顾客，您好；亲爱的用户，我姓名填错了",
    "one two three, testing; two of these and three of those",
    "order number: one two three four five six seven eight",
    "第一三五七条，单号一三八零零一三八零零零",
    "1M8GDM9A0KP042788 has a wrong check digit, SKU 1M8GDM9AXKP042788 is a thing",
    "secret da39a3ee5e6b4b0d3255bfef95601890afd80709 is a digest",
    "浙江A12345，新款B2，沪深300，型号云A12345",
    "I am at home (at) last, dot com boom",
    "Gatan 12 and gade 3",
    "SKU 415-555-0132 and model 0171/4123456",
    "order number: 5105 1051 0510 5100",
    "tracking 9400 1118 9922 3344 5566 77, or 1Z999AA10123456784",
    "EAN 4006381333931, ISBN 978-3-16-148410-0",
    "123e4567-e89b-12d3-a456-426614174000 at 2026-11-20T08:00:00Z",
    "epoch 1716212345, 1716212345678 ms",
    "version 10.4.2.1, firmware 192.168.1.10, upgraded from 3.2.1.0",
    "localhost is 127.0.0.1 or ::1, mask 255.255.255.0, std::vector<int>",
    "aspect 16:9:1, at 12:30:45, ratio 1:2:3:4",
    "logo@2x.png and git@github.com:acme/shop.git",
    "password is required; the token limit is 4096; secret: optional",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 changed api_key handling",
    "Meet at the corner of Main Street in 20 minutes.",
    "Dear Customer Support, Hello World, Hi Team!",
    "Thanks, Great Service! This is Very Good News.",
    "John F. Kennedy International Airport, St. Paul Street",
    "a pair of Dr. Martens and a can of Dr Pepper",
    "born to run on 2024-05-20",
    "the year 1984, 12 March",
    "12 items on the way, 3 places left, 5 star hotel",
    "我是来退货的，我是白金会员，联系人工客服",
    "我是來退貨的，我是白金會員，聯絡人工客服，請幫我張貼",
    "親愛的顧客，您好；馬上連線，關於訂單的問題",
    "高中生和黄先进会员都可以，周末于线上办理",
    "2024年5月20日生效，订单号13912345678",
    "地铁2号线，第3号通知，8号楼的电梯",
    "单号 SF1399123456789，编号 110105194912310021",
    "用户名是必填项，密码错误请重试",
    "价格￥１，２３４．５０，数量３",
    "微信v8.0.312打不开 weixin.example.com，微信支付2024款，wechat pay_1 failed",
    "香港 2023 2024 和香港 2023-2024，HK$ 9123 4567，香港订单号 9123 4567",
    "my passport renewal form, 3 COPIES; user id = usr_123",
    "Signed\n\nThe Team",
    "user access_token expired at 10, log in to prod_server1",
]


@pytest.mark.parametrize(("text", "value", "label"), FOUND)
def test_found_whole_and_under_its_label(text: str, value: str, label: str) -> None:
    assert (label, value) in [(found.label, found.text) for found in find_personal_data(text)]


@pytest.mark.parametrize("text", STAYS)
def test_look_alikes_stay(text: str) -> None:
    assert [(found.label, found.text) for found in find_personal_data(text)] == []


def test_placeholders_tell_nothing_about_what_follows() -> None:
    told = "<BIRTHDATE_1>, on 2024-05-20; <PHONE_1> 5551234; <CARD_1> 123456789012"
    assert find_personal_data(told) == []


def test_a_private_key_goes_as_a_whole(redactor: Redactor) -> None:
    body = "\n".join("MIIEpAIBAAKCAQEA0Zx5" * 3 for _ in range(5))
    text = f"here:\n-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\nis it valid?"
    assert redactor.redact_text(text, redactor.open_session()) == "here:\n<SECRET_1>\nis it valid?"


def test_chinese_names_of_the_recipe_are_found_without_a_cue() -> None:
    redactor = Redactor(("欧阳修", "Mia"), b"k")
    session = redactor.open_session()
    assert redactor.redact_text("转告欧阳修我找Mia", session) == "转告<PERSON_1>我找<PERSON_2>"
