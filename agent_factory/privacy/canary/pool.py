"""What values are made of: names, domains, and the shapes of telephone numbers and addresses.

In a shape ``{d4}`` is four digits, ``{U}`` a capital letter, ``{n}`` a house number, and any other word a
choice from the field of that name in ``PARTS``.
"""

from __future__ import annotations

from typing import NamedTuple


class Pool(NamedTuple):
    """Where a language's values come from."""

    given: tuple[str, ...]
    surnames: tuple[str, ...]
    domains: tuple[str, ...]
    phones: tuple[str, ...]
    addresses: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


_PHONES_EN = """
    ({area}) 555-{d4}
    {area}-{x3}-{d4}
    {area}.{x3}.{d4}
    +1 {area} {x3} {d4}
    +1-{area}-{x3}-{d4}
    1-{area}-{x3}-{d4}
    +1{area}{x3}{d4}
    {area}{x3}{d4}
    {area} {x3} {d4}
    +44 20 7{d3} {d4}
    020 7{d3} {d4}
    077{d2} 9{d5}
    +44 (0)161 4{d2} {d4}
    +49 151 2{d7}
    0171/4{d6}
    +49 (0) 89 5{d5}
    06 {d2} {d2} {d2} {d2}
    +33 6 {d2} {d2} {d2} {d2}
    +91 98{d3} {d5}
    04{d2} {d3} {d3}
    +61 4{d2} {d3} {d3}
    090-{d4}-{d4}
    +55 11 9{d4}-{d4}
    00 31 6 4{d3} {d4}
    +46 70 {d3} {d2} {d2}
"""
_PHONES_ZH = """
    1{mobile}{d8}
    1{mobile} {d4} {d4}
    1{mobile}-{d4}-{d4}
    +86 1{mobile} {d4} {d4}
    +861{mobile}{d8}
    0086 1{mobile}{d8}
    (+86)1{mobile}{d8}
    010-6{d7}
    021 5{d3} {d4}
    (0755)2{d7}
    0571-8{d7}
    +852 9{d3} {d4}
"""
_ADDRESSES_EN = """
    {n} {street}, {city}, {state} {d5}
    {n} {street}, {unit}, {city}, {state} {d5}
    {n} {street} {unit}, {city} {state} {d5}-{d4}
    {n} {street}
    {n} {street}, {city}
    {n} {direction} {street}, {city}, {state}
    {n} {lane}, {town} {post}
    Flat {d1}, {n} {lane}, {town}, {post}
    {n} {lane}, {town}
    PO Box {d4}, {city}, {state} {d5}
"""
_ADDRESSES_ZH = """
    {province}{prefecture}{district}{road}{n}号{room}
    {province}{prefecture}{district}{road}{n}号
    {municipality}{district}{road}{n}弄{room}
    {municipality}{district}{road}{n}号{estate}{room}
    {prefecture}{district}{estate}{room}
    {prefecture}{road}{n}号
    {district}{road}{n}号{room}
    {province}{prefecture}{county}{township}{village}{n}号
"""

PARTS: dict[str, tuple[str, ...]] = {
    "area": _words("206 303 312 404 415 503 512 602 614 617 646 702 713 718 801 816 917 971"),
    "x3": _words("224 238 267 341 384 452 468 555 573 629 647 736 782 845 891 927"),
    "mobile": _words("31 33 35 36 37 38 39 50 51 52 58 59 66 73 76 77 80 82 86 87 88 89 91 95 98 99"),
    "street": _lines(
        """Larkspur Hollow Rd
        Old Quarry Lane
        Wexford Street
        N 34th St
        W Juniper Ave
        Cedar Bluff Drive
        5th Avenue
        MacArthur Blvd
        Saint Bernard Court
        County Line Road
        Harrow Gate Circle
        Tamarack Way
        Bayview Pl
        SE Salmon St
        Pinecrest Terrace"""
    ),
    "lane": _lines(
        """Foxglove Close
        Kingsmead Road
        Threadneedle Walk
        St. Aldate's Street
        Abbotsbury Gardens
        Maltings Lane
        Cobden Crescent"""
    ),
    "unit": _words("Apt_7C Apt_12 Unit_3B Suite_410 #204 Ste_9"),
    "city": _lines(
        "Boise\nSpokane\nLas Cruces\nChattanooga\nFort Collins\nBaton Rouge\nDes Moines\nSyracuse\nTulsa\nAstoria"
    ),
    "state": _words("ID WA NM TN CO LA IA NY OK OR"),
    "town": _words("Leeds Norwich Exeter Swansea Dundee Bristol Lincoln Bath"),
    "post": ("LS1 4DY", "NR2 1AA", "EX4 6PX", "SA1 5QQ", "DD1 3BF", "BS8 2LN", "LN5 8RT", "BA2 6NX"),
    "direction": _words("N S E W"),
    "province": _words("浙江省 江苏省 广东省 四川省 湖北省 山东省 陕西省 辽宁省 福建省 广西壮族自治区"),
    "prefecture": _words("绍兴市 苏州市 佛山市 绵阳市 宜昌市 烟台市 宝鸡市 大连市 泉州市 桂林市"),
    "municipality": _words("上海市 北京市 天津市 重庆市 上海 北京"),
    "district": _words("越城区 吴中区 禅城区 涪城区 西陵区 芝罘区 金台区 甘井子区 丰泽区 七星区 浦东新区 朝阳区"),
    "county": _words("安吉县 沛县 博罗县 梓潼县 远安县"),
    "township": _words("递铺镇 大屯镇 园洲镇 文昌镇"),
    "village": _words("石角村 马鞍村 李家庄村"),
    "road": _words("解放南路 人民中路 东风大道 建设二路 滨河东街 学院路 宝安大道 长江西路 环城北路"),
    "estate": _words("翠苑小区 阳光花园 金色家园 碧水湾小区 望江公寓"),
    "room": _words("3幢2单元501室 12号楼1804室 5栋302 2单元1101室 7号楼603"),
}
PARTS["unit"] = tuple(part.replace("_", " ") for part in PARTS["unit"])

ENGLISH = Pool(
    given=_words(
        """Ingeborg Desmond Priyanka Saoirse Tobias Harriet Lucía Omar Wilhelmina Kwame Svetlana Anselm Beatrix Callum
        Delphine Ezekiel Fiona Gunnar Hyacinth Ibrahim Jocasta Kaspar Lavinia Mireille Niamh Obinna Philippa Quentin
        Rosalind Sanjay Thandiwe Ulrich Verity Winston Xiomara Yolanda Zbigniew Jean-Luc Anneke Bartholomew"""
    ),
    surnames=_words(
        """Thalberg Achterberg Venkataraman Kinsella O'Rourke Pemberton Peñalver Haddad Szymańska Boateng Morozova
        Fairweather Lindqvist MacAllister Beauchamp Mwangi Gallagher Holmqvist Ashdown Farouk Tremaine Oberländer
        Whitcombe Delacroix O'Sullivan Okonkwo Hartnell Vandenberg Mukherjee Dlamini Kessler Ravenscroft Blackwood-Hayes
        Castellanos Wójcik Marchetti Petersen Abernathy Zieliński Nakagawa"""
    ),
    domains=_words(
        "gmail.com outlook.com fastmail.org proton.me ashdown-legal.co.uk mail.uni-jena.de nimbus.io yahoo.fr"
    ),
    phones=_lines(_PHONES_EN),
    addresses=_lines(_ADDRESSES_EN),
)
CHINESE = Pool(
    given=_words(
        "晓燕 建军 雨桐 浩然 思琪 国栋 丽娜 宇航 淑芬 俊杰 梦洁 志远 婷 磊 洋 静怡 子轩 欣妍 海涛 秀英 鹏 雪梅 嘉豪 敏"
    ),
    surnames=_words("陈 林 徐 孙 何 郭 罗 梁 宋 郑 谢 韩 唐 冯 于 董 萧 程 曹 袁 邓 许 傅 沈 曾 彭 吕 欧阳 上官 诸葛"),
    domains=_words("qq.com 163.com 126.com sina.cn foxmail.com lanhai.com.cn"),
    phones=_lines(_PHONES_ZH),
    addresses=_lines(_ADDRESSES_ZH),
)

ISLAND_GIVEN = _words("雅婷 冠宇 怡君 宗翰 淑惠 詩涵 俊賢 筱涵 彥廷 惠雯 家豪 欣怡 建宏 佩珊 嘉欣 詠儀 樂兒 偉倫")
ISLAND_SURNAMES = _words("陳 林 黃 張 劉 楊 鄭 謝 許 蔡 賴 蕭 葉 簡 鄧 羅 歐陽 盧 馮 鍾 關 顏 蘇")
"""Names as they are written in Taiwan and Hong Kong."""
