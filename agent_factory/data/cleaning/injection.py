"""Wordings that instruct a model or its judge, as rules over folded text.

Model: a rule is looked at only where one of its ``needs`` stands in the text, and matches a wording, not
a word: what it is told to ignore, and whose. A user who takes back their own words is no attacker, so
"my" and "I gave you" end a match. Invariant: rules see text as ``hidden.fold`` gives it: NFKC, lower
case, single blanks, look-alike letters as Latin ones, no accents on these.
"""
# ruff: noqa: E501  an alternative of a wording stands on a line of its own

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

_MARK = re.compile("(?<=[A-Za-z])[\u0300-\u036f]+")
_WORDS = r"(?:(?!my\b|our\b|mine\b)[\w'’-]+[\s,]+)"
_ORDERS = (
    r"(?:instructions?|directives?|prompts?|guidelines?|guidance|rules?|polic(?:y|ies)|programming|training|directions|commands?|"
    r"restrictions?|constraints?|safeguards?|guardrails?|filters?|limitations?|system message)"
)
_DROP = (
    r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget|neglect|overrid(?:e|ing)|overrule|bypass(?:ing)?|circumvent|discard|"
    r"erase|abandon|violate|break|set aside|put aside|pay no (?:attention|heed) to|"
    r"(?:stop|quit|cease|avoid) (?:following|obeying|applying|using)|"
    r"(?:do not|don'?t|never|no longer|need not) (?:follow|obey|heed|apply|comply with|adhere to|listen to))"
)
_WHOSE = (
    r"(?:previous|prior|above|earlier|preceding|former|foregoing|past|existing|current|all|any|every|your|its|system|"
    r"developer|safety|security|company|original|initial|default|internal|these|those)"
)
_GIVEN = r"(?:\s+(?:that |which )?(?:you (?:were|have|had|got|received|follow)|(?:were |was )?given|above|before|in (?:the|your) (?:system|prompt)))"
_NOT_MINE = r"(?!\s+(?:that |which )?(?:i|we|my \w+) (?:gave|sent|wrote|left|told|had|have)|\s+(?:for|on|of|about) (?:the|my|gift|how))"
_AGENT = r"(?:a\.?i\.?|llm|language model|chat ?bot|assistant|ai agent|ai model|ai assistant|ai system|bot)"
_GRADER = (
    r"(?:grader|grading (?:model|system)|judge|judging model|evaluator|evaluation model|reviewer|rater|scorer|"
    r"scoring (?:model|system)|reward model|assessor|examiner|annotator|automatic (?:assessment|evaluation|grading)|"
    r"(?:whoever|anyone who|the one who) (?:grades|scores|evaluates|judges|reviews|rates)|"
    r"you (?:are|'re) (?:scoring|grading|evaluating|judging|rating|assessing|reviewing))"
)
_GRADE = (
    r"(?:give|award|assign|rate|score|mark|output|return|set|grant|label|print|respond with|answer|judge|deem|consider)"
)
_TOP = (
    r"(?:1(?:\.0+)?\b|full (?:marks?|score|points)|perfect|maximum|max\b|10\s?/\s?10|10 out of 10|5\s?/\s?5|5 out of 5|"
    r"5 of 5\b|100\b|pass(?:ed)?\b|success(?:ful)?|solved|correct|highest|true\b|top\b|positive)"
)
_UNBOUND = (
    r"(?:no|any|all|without(?: any)?|free (?:of|from)(?: all| any)?|lacks?(?: any)?|ignor(?:es|ing)(?: all| its| any)?)"
)
_LIMITS = r"(?:restrictions?|rules?|guidelines?|limits?|limitations?|filters?|polic(?:y|ies)|constraints?|censorship|ethics|safeguards?)"
_HIDDEN = (
    r"(?:system (?:prompt|message|instructions?)|(?:hidden|secret|initial|original|internal|confidential|underlying) "
    r"(?:instructions?|prompt|directives|guidelines|rules|configuration)|configuration prompt|"
    r"(?:full |entire |whole |exact )?(?:prompt|instructions) (?:that )?(?:precedes?|before|above)|"
    r"your (?:full |exact |own |entire )?(?:instructions|prompt|directives)(?! (?:for|on|about|to|how|regarding)\b))"
)
_SHOW = (
    r"(?:print|show|reveal|repeat|output|display|tell|give|dump|copy|translate|write|recite|share|disclose|expose|"
    r"summari[sz]e|paste|leak|quote|send|provide|spell out|what (?:is|are|does|do|was|were))"
)


def unmark(text: str) -> str:
    """The text without accents on Latin letters."""
    return unicodedata.normalize("NFC", _MARK.sub("", unicodedata.normalize("NFD", text)))


class Rule(NamedTuple):
    """A wording: it can only be there where one of ``needs`` is."""

    name: str
    needs: tuple[str, ...]
    pattern: re.Pattern[str]


def _rule(name: str, needs: str, pattern: str) -> Rule:
    return Rule(name, tuple(unmark(needs).split("|")), re.compile(unmark(pattern), re.MULTILINE))


_ORDER_ROOTS = "instruct|direction|command|directive|prompt|guid|rule|polic|programming|training|restrict|constrain|safeguard|filter|limit|system message"
ENGLISH = (
    _rule(
        "overrides instructions",
        "ignore|disregard|forget|override|bypass",
        r"\b(?:ignore|disregard|forget|override|bypass)(?:all|any|the|of|your|these|every|previous|prior|above|earlier|system|safety){1,6}"
        r"(?:instructions?|directives?|prompts?|guidelines?|rules?|polic(?:y|ies))\b",
    ),
    _rule(
        "overrides instructions",
        _ORDER_ROOTS,
        rf"\b{_DROP}\s+{_WORDS}{{0,4}}?{_WHOSE}\s+{_WORDS}{{0,3}}?{_ORDERS}\b{_NOT_MINE}"
        rf"|\b{_DROP}\s+{_WORDS}{{0,4}}?{_ORDERS}{_GIVEN}",
    ),
    _rule(
        "overrides instructions",
        "you|above|before|developer|system|so far|everything",
        r"\b(?:ignore|disregard|forget)(?: about)? (?:everything|anything|all|the|all of the)?\s?(?:that (?:was|is|came) |said |written )?(?:above|before (?:this|that)|so far)\b"
        r"|\b(?:ignore|disregard|forget)(?: about)? everything(?: and|,| else)(?!,? (?:i|we) (?:just |only |really )?(?:want|need|wish)\b(?! you))"
        r"|\b(?:ignore|disregard|forget|set aside|erase)(?: about)?\s+(?:everything|anything|all|whatever|what)\b[^.\n]{0,20}?"
        r"(?:\byou (?:were|have been|had been|'ve been|know|learned)|\b(?:told|taught|given) you|\bsystem\b|\bdeveloper\b|\babove\b|\bbefore this\b)",
    ),
    _rule(
        "overrides instructions",
        _ORDER_ROOTS,
        r"\b(?:previous|prior|above|earlier|your|original|system)\s+(?:\w+\s+)?(?:instructions?|directives?|prompt|"
        r"programming|guidelines?|(?:rules|policy) above)\b[^.\n]{0,30}?\b(?:no longer (?:appl|count|valid)|(?:are|is) "
        r"(?:now )?(?:void|invalid|obsolete|cancell?ed|revoked)|(?:have|has) been (?:replaced|superseded|revoked|updated|"
        r"cancell?ed|changed)|(?:do|does) not apply)|\bpolicy above no longer",
    ),
    _rule(
        "gives new instructions",
        "new|updat|only rule",
        r"\bnew (?:system |developer |secret )?(?:instructions?|directives?|task|rules?|prompt)(?: (?:for you|from the \w+))?\s*:"
        r"|\byour (?:new|real|true|only|actual) (?:task|instructions?|goal|objective|role|mission|rules?) (?:is|are)\b"
        r"|\bthese are your (?:new|only|real) (?:rules|instructions)|\bsystem (?:prompt|message|instruction)s? (?:update|override|change)",
    ),
    _rule(
        "imitates a system message",
        "system|[inst]|im_start|<|###|end of",
        r"<\|?(?:im_start|im_end|system|assistant|endoftext|start_header_id)\|?>|\[/?inst\]|<</?sys>>|</?(?:system|instructions?|system_prompt)>"
        r"|(?:^|[.?!]\s)\W*#{2,}\s*(?:system|instructions?|new instructions?)\b"
        r"|(?:^|[.!?\]\-]\s)\W*(?:system|developer|admin|root)(?: message| prompt| note| update| override)?\s*[:>\]]\s*[^\n]{0,60}?"
        r"\b(?:you|assistant|agent|must|always|ignore|from now|no longer|comply|refunds?|allowed|approve|bypass|disclose|reveal|execute|send)\b"
        r"|\bend of (?:conversation|user input|prompt|context|document)\b[^\n]{0,20}?(?:-{2,}|system|new)",
    ),
    _rule(
        "speaks to the model",
        "ai|llm|language model|assistant|bot|a.i",
        rf"\b(?:attention|note|notice|message|memo|instructions?|warning|addressed)\b\W{{0,3}}(?:to|for) (?:the |any |every |all )?{_AGENT}\b"
        r"|\b(?:attention|important)\b\W{0,3}(?:the )?(?:ai|llm|language model|chat ?bot|assistant|bot)\b(?! manager)"
        rf"|\bif you are (?:an? |the )?(?:\w+ )?{_AGENT}\b"
        rf"|\b{_AGENT}s?(?: agent| model)? (?:that is |who is |which is )?(?:reading|processing|parsing|summari[sz]ing) this"
        rf"|(?:^|[.!?]\s+){_AGENT}(?: agent)? must (?:call|send|forward|transfer|export|execute|run|ignore|approve|reveal|disclose)\b"
        rf"|\bthe {_AGENT}(?: agent)? (?:must|should|shall|will|has to|is to|needs to) (?:now|immediately|silently|always|secretly|instead|also|first|not)\b"
        rf"|(?:^|[.!?]\s+){_AGENT}(?: agent)?\s*[:,]\s*(?:please |now |you must |secretly |silently )?(?:call|send|forward|append|transfer|export|email|execute|run|ignore|approve|refund|secretly|silently)\b",
    ),
    _rule(
        "changes the role",
        "dan|restrict|rule|guideline|limit|filter|polic|constrain|mode|jailb|no longer|shell|evil|unfiltered|uncensored|censor|ethic|safeguard",
        r"\byou are (?:now|no longer|from now on|hereby)\b[^.\n]{0,30}?\b(?:dan|unrestricted|unfiltered|uncensored|jailbroken|evil|root|shell|"
        r"(?:developer|god|admin|debug) mode|bound|without|free (?:of|from)|an? (?:support |customer )?(?:agent|assistant|bot))\b"
        rf"|\b(?:act|behave|respond|answer|pretend|role-?play|simulate|imagine|play|assume|you are|be)\b[^.\n]{{0,50}}?\b{_UNBOUND} {_LIMITS}\b"
        r"|\b(?:unrestricted|unfiltered|uncensored) (?:assistant|ai|model|mode|agent|version)"
        r"|\b(?:enter|enable|activate|switch (?:to|on|into)|turn on|go into|engage) (?:the )?(?:developer|debug|god|admin|maintenance|jailbreak|sudo|unrestricted|dan|root) mode\b(?! (?:on|of|in) (?:my|the|this) )"
        r"|\bjailbr(?:eak|oken)|\bdo anything now\b|\b(?:evil|unethical) (?:assistant|ai|twin|version)",
    ),
    _rule(
        "asks for the instructions",
        "prompt|instruct|system message|directive|guideline|configuration|everything above",
        rf"\b{_SHOW}\s+(?:[\w'’-]+[\s,]+){{0,6}}?{_HIDDEN}"
        r"|\b(?:repeat|print|output|copy) (?:everything|all(?: the)? text|the (?:text|words)) (?:above|before)",
    ),
    _rule(
        "speaks to the judge",
        "grad|judge|judging|evaluat|review|rater|scor|reward|assess|examin|annotat|deserves|rates|transcript|episode",
        rf"\b{_GRADER}\b[^\n]{{0,80}}?\b{_GRADE}\b[^\n]{{0,50}}?{_TOP}"
        rf"|\b{_GRADER}\b[^\n]{{0,40}}?\b(?:label|score|reward|rating|verdict|grade)\b[^\n]{{0,12}}?(?:is|=|:)\s*{_TOP}"
        rf"|\b(?:response|answer|conversation|transcript|episode|trace|dialogue|trajectory) (?:deserves|merits|should (?:get|receive|be (?:given|rated|scored|graded|marked)))\b[^\n]{{0,30}}?(?:{_TOP}|(?:a|the) five\b)"
        rf"|\bif you (?:are (?:to )?)?(?:evaluat|grad|scor|judg|rat|assess)\w* (?:this|the) (?:conversation|transcript|episode|trace|dialogue|trajectory|response|answer)\b[^\n]{{0,30}}?{_GRADE}\b[^\n]{{0,30}}?{_TOP}"
        rf"|\b{_GRADE} (?:this|the) (?:conversation|transcript|episode|trace|dialogue|trajectory|response)\b[^\n]{{0,30}}?{_TOP}",
    ),
    _rule(
        "hides from the user",
        "user|customer|client|human|secretly|silently|covertly|never say so|quietly",
        r"\b(?:do not|don'?t|never|without|avoid|must not|should not)\s+(?:tell|telling|inform|informing|mention|mentioning|notify|notifying|alert|alerting|reveal|revealing|show|showing|disclose|disclosing|let|letting)\b"
        r"[^.\n]{0,25}?\b(?:the|any|this) (?:user|customer|client|human|operator)s?\b"
        r"|\b(?:hide|hidden|keep(?: \w+)? (?:hidden|secret)|conceal|secret)\b[^.\n]{0,20}?\bfrom the (?:user|customer|client|human)"
        r"|\b(?:secretly|silently|covertly|quietly) (?:forward|send|call|change|cancel|refund|export|transfer|append|add|e-?mail|leak|upload|copy|include|run|execute|delete)"
        r"|\bnever say so\b",
    ),
)
_ZH_WHAT = r"(?:指令|指示|提示词|提示|规则|规定|设定|限制|约束|要求|政策|命令|准则|系统消息)"
CHINESE = (
    _rule(
        "overrides instructions",
        "指|提示|规|设定|限制|约束|要求|政策|命令|准则|系统",
        rf"(?:忽略|无视|忘记|忘掉|忘了|不要遵守|别遵守|不要理会|别管|跳过|绕过|推翻|抛弃|停止遵守|不用遵守|违反|清除|覆盖)[^我，。\n]{{0,6}}?"
        rf"(?:之前|以上|上面|先前|前面|上述|系统|你|您|原来|此前|所有|全部|一切|安全|任何)[^我，。\n]{{0,10}}?{_ZH_WHAT}"
        rf"|(?:以上|之前|先前|上述|原有|此前)[^我，。\n]{{0,6}}?{_ZH_WHAT}[^，。\n]{{0,6}}?(?:作废|无效|失效|不再适用|不再有效|取消|废除)"
        r"|新的?(?:指令|任务|规则)(?:如下|是|为)?\s*[:：]",
    ),
    _rule(
        "changes the role",
        "你|模式|越狱",
        r"(?:你现在是|从现在起,?你|从现在开始,?你|你不再是|假装你|假设你|扮演|模拟)[^。\n]{0,24}?(?:没有(?:任何)?(?:限制|规则|约束|道德)|不受(?:任何)?(?:限制|约束)|无限制|不再是|服从我|听我的|开发者模式|越狱|dan\b)"
        r"|你(?:已经)?不再是[^。\n]{0,12}(?:客服|助手|机器人)"
        r"|(?:进入|开启|切换到|启用|打开|激活)[^。\n]{0,4}?(?:开发者|调试|上帝|管理员|越狱|维护|超级)模式",
    ),
    _rule(
        "asks for the instructions",
        "提示|指令|系统消息|设定",
        r"(?:输出|打印|告诉|显示|复述|重复|透露|泄露|把|翻译|展示|公开|说出|列出|给我看)[^。\n]{0,12}?(?:系统提示|提示词|初始指令|系统指令|系统消息|你的(?:全部)?(?:指令|设定)|隐藏(?:的)?指令|原始指令)",
    ),
    _rule(
        "speaks to the judge",
        "分|评|裁判|审",
        r"(?:评委|评分员|裁判|评审|打分模型|评估模型|评分模型|评判|评测|阅卷|打分者|评估者|评分者|审核员|评价模型|打分的|(?:评分|评价|审核)的(?:人|老师)[^。\n]{0,3}?(?:请|注意|务必|必须))[^。\n]{0,40}?(?:满分|1\.0|10分|100分|最高分|成功|通过|正确|高分)"
        r"|(?:给|将|把)(?:本次|这段|这个|此)(?:对话|回答|轨迹)[^。\n]{0,10}?(?:满分|五分|5分|判定为成功|最高分|标记为成功)",
    ),
    _rule(
        "hides from the user",
        "用户|客户|顾客",
        r"(?:不要|别|不得|切勿|请勿|不能|无需)[^。，\n]{0,3}?(?:告诉|告知|通知|让|向|提醒)[^。，\n]{0,2}?(?:用户|客户|顾客)|(?:瞒着|背着|对)(?:用户|客户|顾客)(?:保密|隐瞒)?[^。\n]{0,6}?(?:发送|调用|执行|保密|隐瞒)",
    ),
    _rule(
        "speaks to the model",
        "助手|模型|代理|人工智能",
        r"(?:ai|人工智能|智能|语言|大)?(?:助手|模型|代理)[^。\n]{0,3}?(?:请注意|注意|必须|立即|务必|请立即)(?![^,。!\n]{0,20}[吗嘛?])",
    ),
)
OTHER = (
    _rule(
        "overrides instructions",
        "anweis|regel|vorgab|befehl|auftr|angab|obig|davor|herig|gesagt|richtlin|instru|consign|règle|regla|directri|directive|prompt",
        r"\b(?:ignorier\w*|vergiss|vergessen sie|missachte\w*|umgeh\w*|befolge\w* nicht)\s+(?:(?!mein)\w+\s+){0,4}?(?:anweisung\w*|regeln?|vorgaben|richtlinien|instruktionen|befehle|aufträge|angaben|systemprompt\w*)"
        r"|\b(?:ignorier\w*|vergiss)(?: sie)? (?:jetzt |nun )?(?:alles|das)?\s?(?:obige|davor|vorherige|bisherige|gesagte)"
        r"|\b(?:ignor[ae]|olvid[ae]|desobedece|omite|no sigas)\s+(?:(?!mis?\b)\w+\s+){0,4}?(?:instrucciones|reglas|directrices|indicaciones|prompt)"
        r"|\b(?:ignore[zr]?|oublie[zr]?|néglige[zr]?|contourne[zr]?|ne suis pas)\s+(?:(?!mes?\b|mon\b|ma\b)\w+\s+){0,4}?(?:instructions|consignes|règles|directives|prompt)",
    ),
    _rule(
        "asks for the instructions",
        "prompt|sistema|système|systemnachricht|anweisung|instruc",
        r"\b(?:zeig\w*|gib|nenne|verrate|drucke|wiederhole|muestra\w*|muéstra\w*|dime|revela\w*|imprime|montre\w*|affiche\w*|révèle\w*|donne\w*|répète\w*)\b[^.\n]{0,30}?"
        r"(?:system-?\s?prompt|prompt (?:del )?sistema|prompt (?:du )?système|mensaje del sistema|systemnachricht|(?:ursprünglich|geheim|intern)\w* anweisungen|instrucciones (?:iniciales|ocultas)|instructions (?:initiales|cachées))",
    ),
)
FURTHER = (  # Japanese, Korean, Russian: the plain forms
    _rule(
        "overrides instructions",
        "指示|命令|ルール|规则|プロンプト|制約",
        r"(?:以前|これまで|今まで|ここまで|上記|前|先|すべて|全て|全部|システム)[^。\n私配]{0,10}?(?:指示|命令|ルール|规则|プロンプト|制約)[^。\n]{0,8}?(?:无视|忘れ|破棄|従わな|従わず)",
    ),
    _rule(
        "asks for the instructions",
        "プロンプト",
        r"システム\s?プロンプト[^。\n]{0,12}?(?:表示|見せ|教え|出力|开示|開示)",
    ),
    _rule(
        "speaks to the judge",
        "満点|最高点|合格",
        r"(?:採点|评価|审査)(?:者|員|员|モデル|する)[^。\n]{0,40}?(?:満点|最高点|合格)",
    ),
    _rule(
        "overrides instructions",
        "지시|지침|명령|규칙|프롬프트",
        r"(?:이전|앞선|앞의|위의|모든|지금까지|기존|시스템)[^.\n내제]{0,10}?(?:지시|지침|명령|규칙|프롬프트)[^.\n]{0,8}?(?:무시|잊|따르지)",
    ),
    _rule("asks for the instructions", "프롬프트", r"시스템\s?프롬프트[^.\n]{0,12}?(?:보여|출력|알려|공개)"),
    _rule(
        "overrides instructions",
        "инструкц|указани|правил|команд|ограничени|промпт",
        r"\b(?:игнорир\w*|забудь(?:те)?|не (?:следуй|соблюдай|выполняй)(?:те)?|обойди(?:те)?)\s+(?:(?!мо[ийею]|наш)\w+\s+){0,4}?"
        r"(?:инструкци|указани|правил|команд|ограничени|промпт)\w*",
    ),
    _rule(
        "asks for the instructions",
        "системн",
        r"\b(?:покажи|выведи|раскрой|повтори|напиши)\w*\s[^.\n]{0,20}?системн\w+ (?:промпт|сообщени|инструкци)\w*",
    ),
)
RULES = (*ENGLISH, *CHINESE, *OTHER, *FURTHER)


def match_rule(text: str) -> tuple[str, str] | None:
    """The first rule that a folded text matches, and the words that matched."""
    for rule in RULES:
        if any(root in text for root in rule.needs):
            found = rule.pattern.search(text)
            if found is not None:
                return rule.name, found.group()
    return None
