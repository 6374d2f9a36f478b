"""The words that tell what a clause says about an option, for `stances.py`."""

from __future__ import annotations

import re

from mubench_gen.parser.asides import LISTS
from mubench_gen.parser.cues import cues
from mubench_gen.parser.likened import LIKENS

BOUNDARY = re.compile(
    r"[;!?\n]|\.(?!\d)|,| > |\b(?:but|whereas|while|although|though|however|because|since"
    r"|and(?= (?:not|rules? out|excludes?|(?:argues?|speaks?) against"
    r"|(?:can't|cannot|could not|couldn't|isn't) (?:be )?(?:an? |the )?"
    r"(?!correct|right|answer|excluded|ruled|best|true|what)[a-z])\b)"
    r"|et(?= (?:non|pas)\b)|und(?= (?:nicht|kein))|y(?= no\b)|e(?= (?:não|non)\b)"
    r"|so(?! (?:is|are|does)\b)|as it|as they|which|making|sondern|mais|sino|mas|donc|maar"
    r"|e sim|tetapi|pero|però|lecz|tylko|utan|vaan|hanem|nego|mà|melainkan|ma|men)\b"
    # "(not correct)" is said of what stands before it, "(not the nucleus)" of something else.
    r"|(?:\(| -{1,2} )(?=not (?!(?:an? |the |very |quite |so )?(?:answers?|correct|right|best|good"
    r"|case|one|match|fit|option|choice|likely|possible|plausible|applicable|valid|true|accurate|supported"
    r"|consistent|compatible|visible|seen|present|shown|here|this|it|sure|certain)\b))"
    r"|而是|而|但|[でじ][はもゃ]なく|아니라|아니고|بل"
)
BOUNDS = cues(
    "but whereas while although though however because since and so as which making sondern mais"
    " sino mas donc et und y maar e tetapi pero lecz tylko utan vaan hanem nego melainkan ma men"
    " not >"
)
# "…, unlike a nucleus - this is": a dash before a new sentence.
DASH = re.compile(r" -{1,2} (?=(?:this|that|it|so|here|i|just|only)\b)")
STOP = re.compile(r"[;!?\n,.](?!(?<=\.)\d)")  # the boundaries that are no words of these
# In these patterns one \b stands before all words, so that most places are left at once.
CONTRAST = re.compile(
    r"\b(?:(?:rather than|instead of|unlike|than|as opposed to|compared (?:to|with)|except(?: for)?"
    r"|(?:and|but|not|speaks?|argues?|evidence) against"
    r"|followed by|other than|apart from|besides|versus|vs|different from|differs? from"
    r"|in contrast to|(?:mistak\w{1,3}|confus\w{1,3}) (?:(?:it|this|them|these|one) )?(?:for|with)"
    r"|beyond(?: what)?)\b"
    r"|(?:mostly|mainly|predominantly|primarily|largely) [^.;,\n]{1,60}"
    r" with (?:a few|few|some|scattered|occasional|little)"
    # What others think.
    r"|(?:(?:some|many|most|other) (?:people|students|experts|authors"
    r"|readers|models|sources|may|might|would|say|think|argue)|others|people (?:think|say))\b"
    r"|(?:an?|the|your|any) (?:\w+ )?(?:students?|novices?|beginners?|readers?|experts?|laym[ae]n"
    r"|pathologists?|biologists?|textbooks?|colleagues?) (?:might|may|could|would)\b"
    r"|otherwise(?=,| (?:it|this|that|i|an?|the)\b| ?$)"
    r"|(?:report|paper|article|caption|file ?name|ground truth|textbook)s?"
    r" (?:said|says?|suggests?|states?|claims?)\b"
    # What the reply thought before it looked again.
    r"|(?:would|could|might)(?:'ve| have) (?:been|said|answered|picked|chosen|guessed|thought"
    r"|gone)\b"
    r"|i was (?:about|going|tempted|inclined) to (?:say|think|call)|tempting to \w+"
    r"|i was (?:first |initially |at first )?(?:thinking of|leaning)"
    r"|my (?:first|initial) \w{4,12}(?: was| is| would have been|:)|(?:first|initial) impression:"
    r"|i (?:had )?(?:first|at first|initially|originally) (?:thought|said|suspected|considered"
    r"|assumed|believed|guessed|took|saw|favou?red|leaned)"
    r"|(?:at first|initially|originally),? (?:i|it|this|that) \w+"
    r"|at first (?:glance|sight|look)"
    r"|(?:one|you|i) (?:might|may|could) (?:(?:at )?first |initially )?"
    r"(?:say|suspect|guess|suggest|(?:think|have thought) of)"
    r"|over (?:an? |the )?$)"
    r"|'d(?:'ve| have) (?:been|said|answered|picked|chosen|guessed|thought|gone)\b|而不是|不同于"
)
CONTRASTS = cues(
    "rather instead unlike than opposed compared except against followed apart besides versus vs"
    " differ* contrast beyond mostly mainly predominantly primarily largely some many"
    " most other others people think say been said answered picked chosen guessed thought gone call"
    " thinking leaning first initial initially originally might may could over would"
    " otherwise mistak* confus* tempting report* paper* article* caption* file* truth textbook*",
    CONTRAST,
)
DENIAL = re.compile(
    r"\b(?:not\b(?! (?:wrong|incorrect|false)\b)"
    r"|(?<!not )(?<!n't )(?:incorrect(?:ly)?|(?<!nothing is )(?<!least )wrong|false)\b"
    r"|(?:no (?:way|chance|es|era|puede)|r/o|schlie(?:ß|ss)(?:e|en|t)|neither|nor|never|cannot"
    r"|non(?!-)|inaccurate"
    r"|irrelevant|unlikely|invalid|eliminated?|rul(?:ed?|es|ing) out|exclud\w{1,3}|discard\w{0,2}"
    r"|reject(?:ed|s)?|out of the question|off the table|(?:is|are) out(?=\W*(?:[.,;!\n]|$))"
    r"|absent|no longer|i doubt|no (?:una?|el|los)|impossible|implausible|improbable|hardly"
    r"|anything but|far from|by no means"
    r"|crossed (?:off|out)|dismiss(?:ed)?|disqualif\w{1,5}|inconsistent|incompatible|contradicts?"
    r"|(?:mistake|error) to (?:call|classify|label|say|think|take|read)|at odds"
    r"|no (?:evidence|indication|proof|reason|signs?|hints?) (?:that|to(?! doubt))"
    r"|no (?:[a-z-]+ ){1,3}as in"
    r"|poor (?:fit|match|choice|candidate)|too \w{3,12} (?:to be|for)"
    # "…, but the lack of branches makes it A" denies no A.
    r"|fails?|(?<!\ba )(?<!\bbut the )(?<!, the )lacks?|lacking|unrelated|inappropriate|unsuitable"
    r"|distractors?|less"
    r"|nicht|kein\w{0,2}|falsch|weder|noch|scheide[nt]|ausgeschlossen|faux|fausse|incorrecte|exclue?s?"
    r"|écartée?s?|éliminée?s?|à (?:écarter|éliminer|exclure|rejeter)|auszuschlie(?:ß|ss)en"
    r"|incorrect[oa]|falso|descart(?:ad[oa]s?|ar|an?|o|amos)|excluid[oa]s?|da escludere|n[aã]o|nem"
    r"|не|nie|niet|errad[oa]|eliminad[oa]s?|esclus[oaie]|né|non è|inte|ikke|ei|nem|bukan|salah"
    r"|không phải|değil|sbagliat[oaie]|fout|błędn[aye]|неверн\w{1,2}|ليست?)\b"
    # PAS is a stain, and Ni an element.
    r"|(?:pas|ni) (?:(?:une?|l[ae]s?|el|los|una?|option|[a-hj-z])\b|[(l]['\w]))"
    r"|n(?:'t\b(?! (?:wrong|incorrect|false)\b)|(?:'\w+|e \w+) pas\b)"
    r"|不|错|非|排除|没有|誤|ない|なく|ありませ|違|아니|아닙|틀리|وليس|नहीं"
)
DENIES = cues(
    "not incorrect* wrong false no r schlie* neither nor never cannot non inaccurate irrelevant"
    " unlikely invalid elimin* rule ruled rules ruling doubt exclu* discard* reject rejected"
    " rejects out off"
    " absent impossible implausible improbable hardly anything far means crossed dismiss*"
    " disqualif* inconsistent incompatible contradict* mistake error odds poor too fail fails lack"
    " lacks lacking"
    " unrelated inappropriate unsuitable distractor* less nicht kein* falsch weder noch scheide*"
    " ausgeschlossen auszuschlie* faux fausse falso descart* escludere nao nem nie niet errad*"
    " esclus* inte ikke ei"
    " bukan salah sbagliat* fout pas ni 't",
    DENIAL,
)
# An apposition between an option and its verb: "C, the nucleus, cannot be", "(B), which …, is".
APPOSITION = re.compile(
    r"[)\]\"'.]{0,3}\s?(?:,(?:[^,;.!?\n]{1,80},)?|\([^()\n]{1,80}\),?"
    r"|-{1,2} [^;.!?\n-]{1,80} -{1,2})"
    r"\s?(?=(?:is|are|was|were|am|cannot|can|could|does|do|did|has|have|must|should|would|will|may"
    r"|might|fails?|lacks?|fits?|match(?:es)?|seems?|appears?|looks?|ist|sind|est|sont|es|son|é)"
    r"(?:n't)?\b)"
)
# What is said of a kind of cell, stain or microscopy in general is not said of the image,
# and what was considered is not said any more.
GENERAL = re.compile(
    r"\s+(?:(?:is|are|has|have|can)\s+)?(?:usually|typically|generally|often|normally|commonly"
    r"|always|tends? to)\b|\s+at first (?:glance|sight|look)\b"
    r"|(?: stain| method| technique)?\s+(?:was|is) named after\b|\s+(?:uses?"
    r"|employs?|relies|rely|requires?)\b"
    r"|\s+(?:was|were) (?:\w+ )?(?:considered|counterstained|suspected|tempting|discussed"
    r"|entertained|invented|(?<=my )(?:first|initial|original)"
    r"|introduced|discovered|described by|awarded|derived from)\b"
    r"|\s+(?:is|are|remains?) (?:the|an?) (?:workhorses?|powerhouses?|mainstay|cornerstone|backbone"
    r"|gold standard|method of choice|stain of choice)\b|\s+(?:is"
    r"|are) (?:one of )?(?:the )?(?:most )?(?:widely|commonly|routinely"
    r"|frequently|popular|common(?= (?:stain|techni|metho|in )))"
    r"|\s+(?:is|are) (?:also |often |commonly |well )?known (?:as|for)\b"
    r"|\s+is (?:the|an?) (?:(?:branch|study|science|discipline|building block|component|constituent"
    r"|member|subtype) of|(?:\w+ )?(?:stage|phase) (?:of|in) (?:mitosis|meiosis|(?:the )?cell"
    r" (?:cycle|division)))\b"
    r"|\s+is an? \w+ (?:\w+ )?(?:that|which)\b|\s+is (?:one of )?the (?:second "
    r"|third )?(?:commonest"
    r"|most (?:common|frequent|abundant|widespread))\b"
    r"|\s+(?:can|may|might) (?:also )?(?:look (?:very )?(?:similar|alike)|mimic|resemble)\b"
)
GENERALISES = cues(
    "first usually typically generally often normally always tend tends use uses employ employs"
    " relies rely require requires considered counterstained suspected tempting discussed"
    " entertained invented initial original"
    " introduced discovered described named awarded derived workhorse* powerhouse*"
    " mainstay cornerstone backbone standard choice widely* routinely* frequently* popular*"
    " common* that which most similar alike mimic resemble known branch study science discipline"
    " block component constituent member subtype mitosis meiosis cycle division",
    GENERAL,
)
BEGINS = re.compile(
    r"(?:\A|[.!?;:,\n]\s{0,3}|\b(?:and|but|while|whereas|that) )[\"']?(?:(?:an?|the) )?[\"']?$"
)
# "Lymphocyte: no.", "looks like a neuron, but it isn't."
NO_BEHIND = re.compile(
    r"[)\]\"']{0,2}\s?[:-]{1,2}\s?(?:no|nope)\b"
    r"|,? but (?:it|this|that)(?: is| does|'s)? ?n(?:o|')t(?: one)?(?=\W*(?:[.;!\n]|$))"
)
NOS = cues("no nope but", NO_BEHIND)
QUOTE_END = re.compile(r"[)\]\"'*]{1,3}")
NO = re.compile(
    r"\b(?:no|without|absence of|the lack of|lacks?|lacking|absent|none(?: of)?|nothing"
    r"|i retract|i withdraw|ni|negative for|free (?:of|from)|devoid of)"
    r"\s(?:(?:an?|the|any|visible|clear|obvious"
    r"|signs? of|trace of|evidence (?:of|for)|support for"
    r"|(?!mistaking|missing|denying|doubting)[a-z]{3,}(?:ed|ing|al|ous|ic|ual|ive|able|ible))"
    r"\s){0,2}$"
)
LACKS = cues(
    "no nothing without absence lack lacks lacking absent none retract withdraw ni negative free"
    " devoid",
    NO,
)
# Several options at once, or one of several: no single one is asserted.
OPEN = re.compile(
    r"\b(?:(?:either(?! way)|same (?:chance|probability|likelihood)|each"
    r"|(?<!all in )all(?! (?:in all|things|told|(?:the |these |my )?(?:signs|evidence"
    r"|features|findings|clues|hints|of (?:this|that|it|these)))\b)|none(?! of )|compar(?:e|ing)"
    r"|(?:could|might|may) (?:also )?(?:be|mean|indicate|suggest|represent)|beide|tanto|ambos)\b"
    r"|both(?: [^.;]{1,60} and)?(?: (?:the|an?|are|were|options?|of))* [(\"']*$"
    r"|between (?:options? )?[(\"']*$"
    r"|so (?:is|are|does) (?:option )?[(\"']*$)"
)
OPENS = cues(
    "either chance probability likelihood each all none compare comparing could might may beide"
    " tanto ambos both between so",
    OPEN,
)
# "I think it might be A", "not sure, but it could be A": a guess, and a choice.
GUESSED = re.compile(
    r"\b(?:i(?:'d| would)? (?:think|guess|believe|suspect|assume|say)|my (?:best )?guess"
    r" (?:is|would be)|(?:sure|certain|confident|tell|say)"
    r"(?: (?:for sure|about (?:this|that|it)|at all|here|yet|enough|from (?:this|the) \w{1,12}"
    r"|with certainty)){0,2},? but)(?: that)?"
    r" (?:it|this|that|these|they|the \w{1,20}) (?:might|could|may) be (?:an? |the )?[\"'(]?$"
)
# "A and B would both be plausible", "A is equally possible".
EQUAL = re.compile(
    r"[^.;,\n]{0,24}\b(?:both|equally|look (?:very )?alike|are (?:very )?(?:alike|similar)"
    r"|(?:easily|often|commonly|frequently) (?:confused|mistaken|mixed up)"
    r"|(?:hard|difficult) to tell"
    r"|just as (?:likely|possible|plausible|well)"
    r"|also (?:be )?(?:possible|plausible|conceivable|an option))\b"
)
EQUALS = cues("both equally alike similar just also confused mistaken mixed hard difficult", EQUAL)
JOINS = ("and ", "or ")
JOINED = re.compile(r"\w (?:and|or) $")
SUPPOSED = re.compile(
    r"\b(?:(?<!'s )(?<!is )how $"
    r"|(?:whether|if(?! (?:i|we) (?:had|have|must|were)| forced| pressed| pushed| anything)"
    r"|assuming|suppose|(?:let's|let us|we|first|to) (?:consider|examine|look at))\b)"
    r"|是否|如果"
)
SUPPOSES = cues("how whether if assuming suppose consider examine look", SUPPOSED)
# "a basophil would be darker" speaks of another cell than the one in the image, "a basophil
# would be my guess" of this one.
WOULD_BE = re.compile(
    r"\s+would be (?!(?:my|the|our|an? (?:good|better|likely|reasonable|plausible|safe)|most|more"
    r"|best|better|correct|right|likely|likelier|appropriate|consistent|plausible|reasonable"
    r"|preferred|expected|closest?r?|first|second|third|ideal|suitable|used|chosen|selected"
    r"|possible|both|all|equally)\b)\w"
    r"|\s+(?:serait|wäre|hätte|aurait|sería|tendría|seria|teria|sarebbe|avrebbe) \w"
)
# What another option would look like; "would be" is how answers are hedged, too.
WOULD = re.compile(
    r"\s+would (?!be\b|both|all|equally|fit|match|explain|suit|also|seem|make|work|correspond"
    r"|agree|account|most"
    r"|best"
    r"|have been|indeed|probably|likely|therefore|thus|appear to be)[a-z]+"
    r"|\s+would be (?:much |far |a bit )?(?:larg|small|bigg|long|short|thick|thinn|dark|bright"
    r"|light|pal|round|wid|narrow|tall|flatt|high|low|dens|fin|coars|smooth|few)er\b"
)
WOULDS = cues("would serait aurait seria teria sarebbe avrebbe", WOULD, WOULD_BE)
LIKENED = re.compile(r"(?:\b(?:an?|une?|ein|el|un)|[.;,]) $")  # "…; Mucor would be broad"
# "It resembles X, but it's only a platelet."
SEEMING = re.compile(
    r"\b(?:resembl\w{1,3}|looks? like|mimic\w{0,3}|reminds? (?:\w+ )?of|similar to"
    r"|could be|might be|(?:seem|appear)s? to be|suggests?) (?:an? |the )?[\"'(]?$"
)
BUT_IS = re.compile(
    r"[^.;,\n]{0,24},? (?:but|yet|although|though|however),?(?: (?:it|this|that|they|these)|(?= is"
    r"| are))(?:'s| is|'re| are| was) (?:an?(?! (?:bit|little|lot|tad)\b)|just|only|actually"
    r"|really|merely|in fact)\b"
)
SEEMS = cues("but yet although though however", BUT_IS)
NOT_BUT = ("ではなく", "でもなく", "じゃなく", "아니라", "아니고")  # deny what stands before them
IF_SO = re.compile(
    r"\b(?:if (?!(?:i|we) (?:had|have|must|were)\b)(?:\w{1,20} ){1,3}(?:(?:were|had|was)(?:n't)?"
    r"|is|are|has|have)\b"
    r"|(?:had|were) (?:it|they|there|the \w{1,20}) )[^.;,\n]{1,80},"
    r" (?:(?:it|this|that|i|they|the \w{1,20})(?:'d| would| might| could) (?:be|say|have been"
    r"|go with"
    r"|call it|choose|pick) |it is |it's |this is |then )?(?:an? |the )?[(\"']?$"
    # "If dysplasia is present, it is called an adenoma": what would be called so.
    r"|\b(?:if|when) [^.;\n]{3,80}, (?:(?:it|this|that|the \w{1,20}) (?:is|would be) (?:called"
    r"|termed|known as|classified as)|(?:we|you|one) (?:calls?|speaks? of|terms?)"
    r"(?: (?:it|this|that))?) (?:an? |the )?$"
    r"|\botherwise,? (?:(?:it(?:'s| is| would be)|the answer (?:is|would be)) )?(?:an? |the )?$"
    # "Is there a tail? If so, it's a phage."
    r"|\bif (?:so|yes|not|present|absent),? (?:then )?"
    r"(?:(?:it|this|that)(?:'s| is| would be| must be) )?(?:an? |the )?$"
)
IF_BEHIND = re.compile(  # "is a monocyte if it's large", "would be a monocyte if it were larger"
    r"[)\"']{0,2} (?:only )?if (?:it|they|there|the \w{1,20})(?:'s| is| are| has| have)\b|"
    r"[^.;\n]{0,20}\b(?<!as )(?<!even )if (?:it|they|there|the \w{1,20})"
    r" (?:(?:were|was|had)(?:n't)?|\w{3,20}ed)\b"
    r"|[^.;\n]{0,40}\b(?:were it not|had (?:it|they|there|the \w{1,20}) (?:been|had|shown))\b"
)
IFS = cues("if had were when otherwise", IF_SO, IF_BEHIND)
CONCEDES = ("although", "though", "while", "whereas")  # where a sentence begins with them
CONCEDING = cues(" ".join(CONCEDES))
TELLING_BEFORE = DENIES | CONTRASTS | LACKS | OPENS | SUPPOSES | CONCEDING | LISTS
TELLING_BEHIND = SEEMS | LIKENS | EQUALS | DENIES | GENERALISES | NOS | WOULDS
SENTENCE_START = re.compile(r"(?:\A|[.!?\n;:]\s{0,3})(?:even )?$")
# "is not", "cannot be", "does not fit", "should be rejected" right behind an option.
DENIED = re.compile(
    r"\s?(?:(?:is|are|was|does|do|did|can|could|would|should|must|may|will|seems?|has|have|be)\s?"
    r"(?:also |clearly |definitely |certainly |just |simply |therefore |thus )?"
    r"(?:not\b|n't\b|be (?:excluded|eliminated|ruled out|rejected|discarded|dismissed))"
    r"|cannot\b|can't\b|won't\b|fails\b|lacks\b"
    r"|(?:is|are|was|can be|is clearly|is also) (?:also |clearly |therefore )?"
    r"(?:incorrect|wrong|false"
    r"|excluded|eliminated|ruled out|rejected|out of the question|unlikely|inaccurate|invalid)\b"
    r"|(?:is|are|was) an? (?:distractor|decoy|trap|red herring)\b"
    r"|n'est pas\b|ist (?:nicht|falsch|ausgeschlossen)\b|est (?:exclue?|fausse|faux)\b"
    r"|no (?:es|puede)\b|não (?:é|pode)\b)"
)
INTRODUCES = re.compile(r" -{1,2} (?:an? |the )?[\"'(]?$")
HEADING = 3
HEADS = re.compile(
    r"\b(?:exclud\w{1,3}|rul\w{1,3} out|eliminat\w{1,3}|wrong|incorrect|false|not|out|reject\w{0,2}"
    r"|discard\w{0,2}|is|are|was|were|be|options?|answers?|choices?|candidates|of|these|following"
    r"|between|either|neither|both|ddx|includes?|including|this one|that one|these|those)$"
)
REACH = 160
AHEAD = REACH + 100  # what is said behind an option, and an apposition before that
BACK = 48
