"""Chinese names: a surname of the common ones and one or two characters, where something says that it is a name.

Chinese has no capitals and no blanks: what ends a name is a sign, or a character that hardly ever stands in
one (的, 想, 来, …). Words that begin like a name, such as 高中生 or 白金会员, are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent_factory.privacy.rule.rule import CJK, LIKELY, Finding, Look
from agent_factory.privacy.traditional import simplify

_DOUBLE = (
    "欧阳 上官 诸葛 司马 司徒 皇甫 尉迟 令狐 慕容 夏侯 东方 南宫 端木 公孙 轩辕 宇文 长孙 独孤 西门 闻人 百里 呼延"
)
_SINGLE = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范"
    "金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂"
    "章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶"
    "解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂佟臧闵苟邬边卞姬仇栾隋商刁沙荣巫寇桑郎甄丛"
    "傅萧阎仲虞敖巩明佘池查麻苑迟邝封谈匡鞠惠荆乐冀郁胥南班储原栗燕楚鄢劳谌奚皮粟冼蔺楼"
)
_NEVER = (
    "想要在的来说也是有买了已我你您他她它不没请订电手号先女小经老主等被把给让和与或及及对从到就都还再又才这那哪什怎吗呢吧啊呀"
    "收发寄送退换付款办打查问用户员者货单价格元年月日昨今明上下本每去回可能会需该应当现正刚很太最更两几个件张次台部份"
    "咨询登录注册绑定充值提交申请需求服务总商品快递物流地址邮箱身证卡码信息姓名性别麻帮急真另外后前里"
)
_WORDS = """
    谢谢 常常 时时 白白 单单 满满 高中 高级 高端 高管 高铁 高德 高校 高清 高速 高新 高考 白金 白领 白条 白天
    白色 黄金 黄色 黄牛 金卡 金牌 金额 金融 金币 安卓 安全 安装 安排 安静 马上 方便 方案 方式 方法 方面 成功
    成为 成本 成员 成都 时间 时候 时尚 向您 和您 周一 周二 周三 周四 周五 周六 周日 周末 周年 周边 于是 任何
    任务 单独 单位 单身 单亲 单机 温馨 温度 温州 路由 路上 路线 石油 花费 花园 江苏 江西 苏州 杭州 徐州 郑州
    常州 广州 沈阳 陈述 陈列 何时 何地 何种 许可 许多 许久 钱包 钟点 关于 关注 关闭 关联 连接 连续 全部 全国
    全新 全职 全家 全程 全款 国家 国内 国际 文件 文字 文档 平台 平时 平安 计划 计算 索赔 支付 支持 包裹 包邮
    包装 包括 包年 包月 满意 满减 司机 古代 应届 应该 原来 原因 原价 原装 初次 初中 都是 来自 海外 海关 南京
    南方 东方 西门 那个 那边 公司 公共 公寓 利息 利率 信用 信息 信号 元旦 智能 富裕 由于 展示 展会 居民 居住
    相关 相机 万元 万能 严重 严格 毕业 季度 盛大 管理 管家 房东 房屋 解决 解释 解除 解锁 游客 游戏 车主 车票
    车辆 商家 商务 商城 商户 明确 明天 查询 查看 封面 官方 官网 门店 门口 云端 云南 容量 普通 印刷 战略 玉米
    银行 银卡 银牌 干净 但是 斯文 奉上 易购 米色 牛奶 田径 雷达 龙头 史上 学生 老师 师傅 华为 小米 苹果 康复
    施工 农民 农业 简单 左右 左边 游泳 章节 程序 程度 权限 权益 强烈 丰富 余额 余款 会员 顾客 宝宝 同学
"""
_DOUBLES = frozenset(_DOUBLE.split())
_SURNAME = rf"(?:{'|'.join(sorted(_DOUBLES))}|[{_SINGLE}])"
_GIVEN = rf"(?![{_NEVER}])[{CJK}]"
_SOMETIMES = "明小可月正信元本女申"  # in given names too: believed where a cue tells of a name that ends there
_TOLD = rf"(?!(?![{_SOMETIMES}])[{_NEVER}])[{CJK}]"
_NO_WORD = rf"(?!{'|'.join(sorted(set(_WORDS.split())))})"
_NAME = rf"{_NO_WORD}{_SURNAME}(?:{_GIVEN}){{1,2}}"
_SEP = r"[\s:：是为叫|*_`\"“「-]{0,6}"
_TITLE = "先生|女士|小姐|太太|夫人|老师|经理|主任|医生|大夫|师傅|同学|教授|律师|阿姨|叔叔|大哥|大姐|同志|老板|总监|博士"
_STRONG = (
    "我叫|他叫|她叫|名叫|叫做|姓名|名字|真名|收件人|收货人|寄件人|发件人|联系人|联络人|持卡人|开户名|账户名|户名|户主|申请人|亲爱的|"
    "投保人|被保险人|受益人|承租人|签收人|经办人|负责人|入住人|取件人|乘车人|乘机人|患者|尊敬的|此致|抬头|签名|署名|落款|本人"
)
_KIN = (
    "老婆|老公|妻子|丈夫|太太|先生|儿子|女儿|爸爸|妈妈|父亲|母亲|爷爷|奶奶|哥哥|姐姐|弟弟|妹妹|同事|朋友|室友|房东|同学|"
    "女友|男友|爱人|家人"
)
_ROLE = "客户|用户|乘客|旅客|顾客|学生|员工|司机|买家|卖家|租客|家属|业主|病人|会员|联系|致电|寄给|转给|交给|找|问|请"
_SIGN = ",.!?;:，。！？；：、（(…|"
_ACT = "反映|来电|致电|投诉|表示|办理|办的|经办|签收|接待|处理|负责"
_CLOSED = rf"{_NO_WORD}{_SURNAME}(?:{_TOLD}){{1,2}}(?=[\s{_SIGN}]|$)"
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:{_STRONG}|{_ROLE}|我是|我(?:的)?(?:{_KIN})(?:是|叫|名叫)?){_SEP}(?P<value>{_CLOSED})",
        rf"(?P<value>{_NO_WORD}{_SURNAME}(?:{_TOLD}){{1,2}})(?={_TITLE})",
        rf"(?:{_STRONG}){_SEP}(?P<value>{_NAME})",
        rf"我是(?P<value>{_NAME})(?=[\s{_SIGN}]|$|[的来想要在我上昨今前刚已购买订])",
        rf"我(?:的)?(?:{_KIN})(?:是|叫|名叫)?(?P<value>{_NAME})",
        rf"(?:{_ROLE}){_SEP}(?P<value>{_NAME})(?=[\s\d{_SIGN}来想要在的申电说致手身于已又曾刚]|$|{_TITLE})",
        rf"(?P<value>{_NO_WORD}{_SURNAME}(?:{_GIVEN}){{0,2}})(?={_TITLE})",
        rf"[（(](?P<value>{_NAME})[)）]",
        rf"(?:帮|替|给|跟|为)(?P<value>{_NAME})(?=[查办看问退改订取买寄发说换约报开转送])",
        rf"我姓(?P<value>{_SURNAME})(?![{CJK}])",
        rf"我姓{_SURNAME}[,，、\s]{{1,3}}(?:名字|全名|名)?[叫是](?P<value>{_SURNAME}?(?:{_TOLD}){{1,2}})(?=[\s{_SIGN}]|$)",
        rf"(?<![{CJK}])(?:是|由|被|让)?(?P<value>{_NAME})(?=[（(]\s*[\d+\ufffc]|{_ACT})",
        rf"(?:之前|上次|昨天|今天|当时)(?:是|由)(?P<value>{_NAME})(?={_ACT})",
        rf"(?:\A|[\n。！!])\s*(?:您好|你好)?[,，]?\s*(?P<value>{_NAME})(?=[,，]?您好)",
    )
)
_MORE = re.compile(rf"\s*[、,，和与及]\s*(?P<value>{_NAME})(?=[\s,，.。;；、(（和与及两三]|$)")
_WHOLE = re.compile(_NAME)
_BARE = re.compile(rf"{_NO_WORD}{_SURNAME}[{CJK}]{{1,2}}")
_HAS_CUE = re.compile(rf"{_STRONG}|{_KIN}|{_ROLE}|{_TITLE}|{_ACT}|我是|我姓|您好|[（(帮替给跟为]")


def is_chinese_name(text: str) -> bool:
    """Whether a text as a whole reads as a Chinese name."""
    return _WHOLE.fullmatch(simplify(text)) is not None


def split_chinese_name(text: str) -> tuple[str, str] | None:
    """Given name and surname of a full name; None where it is none, such as a surname alone."""
    if not is_chinese_name(text):
        return None
    length = 2 if simplify(text[:2]) in _DOUBLES and len(text) > 2 else 1
    return text[length:], text[:length]


def is_surname(text: str) -> bool:
    """Whether a text is a surname and nothing more."""
    return re.fullmatch(_SURNAME, simplify(text)) is not None


def begins_as_name(text: str) -> bool:
    """Whether a text is a surname with one or two characters more, and none of the words that begin like one."""
    return _BARE.fullmatch(simplify(text)) is not None and not is_surname(text)


def write_pattern(name: str) -> str:
    """Finds a full name in any text, one with a single given character not where a longer name begins like it.

    Between two characters a blank may stand.
    """
    parts = split_chinese_name(name)
    return r"[\s·]?".join(map(re.escape, name)) + (f"(?!{_GIVEN})" if len(parts[0] if parts else name[1:]) == 1 else "")


def find_chinese_names(look: Look) -> Iterator[Finding]:
    """Names behind a word that tells of one or before a title, and the further names of a list."""
    text, plain = look.text, simplify(look.plain) if look.chinese else ""
    if not _HAS_CUE.search(plain):
        return
    for pattern in _PATTERNS:
        for match in pattern.finditer(plain):
            start, end = match.span("value")
            yield Finding("PERSON", start, end, text[start:end], LIKELY)
            while (more := _MORE.match(plain, end)) is not None:
                start, end = more.span("value")
                yield Finding("PERSON", start, end, text[start:end], LIKELY)
