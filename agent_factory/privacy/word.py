"""Words that decide whether something is a name: ordinary ones that are also names, and common ones that never are.

A name that is also an ordinary word ("Will", "Rose") alone is a name only where it is written as one.
"""

from __future__ import annotations

import re

_WORDS = """
    amber april art august autumn bailey baker banks bell bill black bond brook brooks brown carter chance chase
    christian cook crystal daisy dawn day dean drew eve faith field fields fisher forest frank garden gardener gay
    gene grace grant gray green grey guy hall hazel hill holly hope hunter iris ivory ivy jack jade jasmine joy june
    king knight lane lily long love mark marshall mason mat max may miles mint mercy moon noble olive page paige
    park parker parks pat pearl penny pierce poppy porter price prince queen ray reed rich rob robin rock rod rose
    ruby rush sage sandy savannah scarlet scout sharp short skip sky smart son spring stark stone sue summer sunny
    terry tiger trace trust victor viola violet wade ward waters webb west white will winter wood woods worth young
"""
_COMMON_WORDS = """
    a able about absolutely access account accounts actually address afternoon again agent alexa all almost already
    also always am amazing an and angry annoying another any anybody anyone anything app application april are as
    asap ask assistant at august available away awesome back bad bank be because been before being best better
    between billing book booked booking bot both bought branch bug business busy but by call called calling can
    cancel cannot captain card care carefully case chat check christmas class clear client code colleague colleagues
    coming company complete completely confirmed confused correct could customer customers dad data date day dear
    december default delayed delighted delivered delivery department desk desperate did different disappointed do
    doctor does doing done dr each eager early easter either email english error even evening every everybody
    everyone everything excellent excited experience extremely february finally find fine finished first flight
    folks following for forwarding found free friday friend friends from front frustrated full fully furious further
    general get getting give given glad going gone good google got great greetings group guest guys had happy has
    have having he hello help helpdesk her here hey hi him hiring his hold holding home hope hoping hotel house how
    however human i if important impressed in incorrect info information interested invoice is issue it item its
    january journey july june just keep kind know ladies last late later leaving left let like listed literally
    little live located locked logged long looking lost lovely madam mail make manager many march may maybe me
    member message miss missing misspelled mister model moderator mom monday month more morning most mostly moving
    mr mrs ms much mum mum's my myself name named need new news next nice night no nobody none not nothing november
    now number october of off office ok okay old on once one online only open opening operator or order orders other
    our out over own owner page paid parcel part partner passenger patient payment people perfect person personal
    phone platform please plus policy possible premium prices problem product professor purchase quality question
    questions quick quite read ready real really reason receipt receive received reception record refund refunds
    regarding regards reply report request requesting reservation return returned returning right sad safe sales
    same saturday secretary security sending sent september service services she shipping shop should sincerely sir
    siri site someone something soon sorry south special specialist spelled staff standard state still stock store
    stuck student subject such sunday super supplier support sure surprised system table taken team teams tech
    technical terrible test thank thanks that the their them then there these they thing things this those though
    through thursday ticket time tired title to today together tomorrow tonight too total totally tour travel
    traveling travelling trip truly trying tuesday two unable under unfortunately unhappy until up update upset
    urgent us used user users using valued version very via visa wait waiting want wanted warehouse was we wednesday
    week welcome well went were what when where which while who why will with within without wondering work working
    world worried would writing wrong year yes yesterday yet you your yours yourself
"""
_PLACE_WORDS = """
    airport award avenue bridge building cathedral center centre church city college county court cup drive foundation
    hall hospital hotel hospitality house institute international island lake library lodge memorial museum park parks
    prize road school square stadium state states station street st terminal theater theatre tower union university way
"""
_ORDINARY = frozenset(_WORDS.split())
_COMMON = frozenset(_COMMON_WORDS.split())
_PLACES = frozenset(_PLACE_WORDS.split())
_CODE_LETTERS = 3
_CONTRACTION = re.compile(r"(?:['’](?:m|ve|ll|d|re|s)|n['’]t)$")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n>*\"“(\[-])\s*$")


def is_ordinary(word: str) -> bool:
    """Whether the word is a name and also an ordinary English word."""
    return word.casefold() in _ORDINARY


def is_common(word: str) -> bool:
    """Whether the word is so common that a capital does not make it a name, as in "Dear Team"."""
    return _CONTRACTION.sub("", word.casefold()) in _COMMON


def is_place(word: str) -> bool:
    """Whether the word makes a name that of a place or a body, as in "John F. Kennedy International Airport"."""
    return word.casefold() in _PLACES


def reads_as_name(text: str, start: int, end: int) -> bool:
    """Whether an ordinary word at ``start:end`` is written as a name: a capital that no sentence start explains."""
    word = text[start:end]
    return word[:1].isupper() and not word.isupper() and not _SENTENCE_START.search(text[:start])


def reads_as_code(word: str) -> bool:
    """Whether a word is written like an airport's or a currency's code, not like a name: "MIA"."""
    return len(word) <= _CODE_LETTERS and word.isupper()
