"""Words that say nothing about a paper's subject, words that cannot name one, and the stemming that folds plurals."""

import re

_SILENT = """
a about above across after again against all almost along also although among an and another any are
around as at be became because become been before being below between both but by can cannot could
did do does doing done down due during each either etc even ever every few first for from further
had has have having he hence her here him his how however if in indeed instead into is it its itself
just least less like many may me might more moreover most much must my namely near neither never
next no nor not now of off often on once one only onto or other our ours out over own per perhaps
rather same second several she should since so some such than that the their them then there
thereby therefore these they this those through throughout thus to together too toward towards
two under until up upon us very via was we well were what when where whereas whether which while who
whom whose why will with within without would yet you your
et al ie eg
"""
STOP_WORDS = frozenset(_SILENT.split())

_KEPT_ENDINGS = ("ss", "us", "is")


def stem(word: str) -> str:
    """Fold a plural: `models` -> `model`, `policies` -> `policy`; short words and names stay."""
    if len(word) < 4 or word[-1] != "s" or word.endswith(_KEPT_ENDINGS):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    return word[:-1]


# Verbs that abstracts use after "we", "to" or "can", most often first in 16,000 of them; those that name a
# subject as often ("measure", "estimate", "trace", "edit") are left out.
_VERBS = """
propose introduce address present evaluate enhance generate provide improve achieve capture identify find enable
perform produce develop validate construct explore assess reduce leverage ensure mitigate investigate
extract conduct integrate overcome employ make predict establish handle release facilitate adapt lead compute apply
observe refine understand generalize detect tackle optimize incorporate compare create preserve solve maintain
serve obtain help represent aim build extend advance yield encode quantify examine argue exploit
synthesize adopt derive select transform distinguish contribute define determine reconstruct discuss verify
consider implement interpret simulate infer prove accelerate call boost combine retrieve prevent take
avoid recover follow approximate alleviate interact resolve aggregate allow discover fuse emphasize
describe drive formulate classify uncover promote collect adjust enforce retain characterize
prioritize recognize decompose curate explain expand assist maximize remove eliminate meet translate acquire
outline fill deliver encourage illustrate surpass formalize minimize evolve conclude emerge align
foster believe reach automate render expose augment localize suppress revisit add perceive see engage
induce decouple enrich showcase replace guarantee strengthen hypothesize inform steer convert
navigate assign replicate disentangle begin harness inject get elicit unify merge
reproduce locate propagate annotate deploy isolate give satisfy categorize stabilize keep grow
use learn let show demonstrate reveal outperform become remain require rely lack allow offer operate depend exhibit
suggest confirm indicate highlight underscore struggle fail suffer exceed involve contain include comprise
reflect need leave bring turn hold increase decrease compromise occur arise appear seem exist go come know think tend choose
"""
# The same for verbs whose forms in -ing and -ed do name subjects ("pruning", "compressed video").
_VERBS_OF_SUBJECTS = """
train align analyze execute move embed ask complement compress summarize devise aid manage constrain refer
seek restore amplify reinforce manipulate carry modify decode alter accommodate unlock converge draw store organize
bypass specify instantiate comprehend inspire supervise activate hallucinate visualize disrupt communicate
clarify prune realize anticipate modulate emulate decide differentiate streamline deal diagnose
reformulate overfit compensate protect analyse convey accumulate empower concentrate connect compose initialize
calibrate teach internalize simplify collaborate calculate encompass combat attend pinpoint allocate
parse inherit recommend remedy expect evade memorize accomplish regularize mislead attain consolidate
operationalize imitate resist revise endow succeed associate justify broaden discern rectify equip
regulate compete specialize circumvent sustain tailor reframe inspect reconcile catalyze want accept
articulate refuse interleave denoise revolutionize intervene invoke repurpose standardize rethink defend discriminate
stimulate fulfill compile incentivize customize erase initiate exclude configure animate pursue envision
optimise depict orchestrate reshape assemble abstain personalize harmonize diversify encapsulate
prepare counteract unleash penalize prune regress distribute inpaint proceed conceptualize elucidate
synchronize unveil disambiguate inflate perturb elevate recreate interfere persuade enlarge instill verbalize redefine
normalize extrapolate strive illuminate utilize focus consist hinder excel transfer necessitate
overlook mimic ignore imply correspond assume divide synergize reuse impede hamper manifest entail underpin clarify
discard adhere obscure supply govern contradict freeze sharpen possess threaten relate fall lift motivate
treat raise differ couple restrict impose empower
behave disappear lay pave constitute undermine encompass pioneer bypass complicate weaken strengthen exacerbate resemble
impair collapse confront rewrite embody denote dominate diminish undergo relax respect reweight enjoy cast parameterize
traverse delineate advocate underlie lose shorten smooth put insert consume reimagine disregard utilise halve pretrain
corrupt unfold favor posit guess transmit transcend finetune violate restructure express dictate append underutilize
deform bolster signify substantiate sidestep affect degrade continue push respond look encounter delve gather incur
receive cope craft underperform democratize write miss deviate contend safeguard reject stop reinterpret prefer diverge
deceive arrive persist happen generalise cultivate stay speak separate participate deepen belong contextualize say
condense synthesise wish break tell perpetuate neutralize hide formalise fool disclose capitalize bind escape evoke notice
cooperate conceal curb upload spur relieve pay omit offload expedite coexist dissect withstand misclassify minimise invert
imagine exert embrace ascertain open narrow force impact complete lower neglect direct return correct grow invent close
replay forget sit ride win beat catch spend sell buy throw wear drop tie cut fall fly rise sink eat drink sleep wake
"""
# How verbs that do not follow the rules are written.
_IRREGULAR = """
governing spanning made led built shown given taken sought found done went gone got kept grew grown held brought left arose came known
chosen chose meant lies led thought saw seen made became using
"""
_MODIFIERS = """
based novel new existing proposed previous prior recent current several various different many diverse multiple
such better best higher lower specific particular general common typical standard conventional traditional
significant substantial strong superior promising important key critical crucial essential main major
effective efficient accurate reliable scalable simple complex challenging difficult comprehensive extensive
real practical potential possible available able first second third one two three four five six single
additional further next last final initial original respective corresponding similar same individual
overall entire whole full total average ours good limited lightweight rich powerful popular emerging
underlying resulting increasing growing early late often still even much most often always very highly then given
according per due via approximately around across wherein whereby larger smaller bigger insufficient impressive remarkable massive excessive anything everything something nothing everyone
twice regarding forty fifty sixty hundred thousand million seven eight nine ten twenty thirty
fine raw vanilla related beyond rethinking technical guided support serious so non et al i.e e.g etc way use state art sota re vs d b c e f g h j k l m n o p q r s t u v w x y z
"""
_GENERAL = """
ability accuracy advance advantage aim ai algorithm amount analysis application approach area art article aspect assumption
author background base deep baseline basis behavior benchmark benefit bottleneck capability case category challenge change
choice class code collection combination community comparison complexity component computation concept concern
condition configuration consistency constraint context contribution control cost criterion data database dataset date
decision demand design detail development deployment difference difficulty dimension direction distribution
domain effect effectiveness efficiency effort element environment error estimate evaluation evidence example experiment
experience factor feature fidelity field finding focus form format formulation foundation framework function future gain
gap generalization generation goal graph group guidance guideline human idea image impact implementation improvement information
input insight instance instruction integration interaction issue item judge
key knowledge label language large layer learning length lesson level library limit limitation line loop literature llm loss
machine mechanism metric method methodology mode model modeling module motivation need network node noise number
objective observation operation optimization option order outcome output overview pair paper paradigm parameter parallel part
participant path pattern people performance perspective phase pipeline place point position potential power practice
prediction presence principle problem procedure process processing product progress project property
prompt proof protocol quality question range rate ratio reason red relation report representation requirement research
researcher resource response result review robustness role rule run sample scale scenario science score set setting setup
signal size software solution source space sparse speed stage standard statistic step strategy strength structure study
style sub subject success suite support survey system target task team technique technology term test text theory thing
time token tool topic training transfer trend type understanding unit update usage user utility validity value variable
variant variation variety version view way weight word work workflow world
high low open multi cross self long short small dual page chain course stream engineering round block instruct consistent adapter
"""


def _forms(verb: str) -> tuple[str, ...]:
    """Return how a verb is written: `propose`, `proposes`, `proposed`, `proposing`."""
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb, verb[:-1] + "ies", verb[:-1] + "ied", verb + "ing"
    if verb.endswith("e"):
        return verb, verb + "s", verb + "d", verb[:-1] + "ing"
    return (
        verb,
        verb + "s",
        verb + "es",
        verb + "ed",
        verb + "ing",
        verb + verb[-1] + "ed",
        verb + verb[-1] + "ing",
    )


_KEPT_AS_NOUNS_TEXT = """
learning building meeting translating rendering finding reasoning understanding
"""
_KEPT_AS_NOUNS = frozenset(_KEPT_AS_NOUNS_TEXT.split())
_VERB_FORMS = (
    frozenset(form for verb in _VERBS.split() for form in _forms(verb))
    | frozenset(form for verb in _VERBS_OF_SUBJECTS.split() for form in _forms(verb)[:2])
    | frozenset(_IRREGULAR.split())
) - _KEPT_AS_NOUNS
_MODIFIER_WORDS = frozenset(_MODIFIERS.split())
_GENERAL_WORDS = frozenset(_GENERAL.split())
_NOT_LAST_TEXT = """
2d 3d 4d ad hoc sparse dense post standing long short full frozen fast slow hard easy warm cold right left wide deep bad big old new
agnostic aware based centric horizon conditioned driven enabled enhanced free grained guided induced informed level
like oriented powered specific supervised wise approach concept method methodology technique framework
paradigm strategy pipeline problem performance setting scenario fashion manner application
"""
_NOT_LAST = frozenset(_NOT_LAST_TEXT.split())
_EMPTY_HEADS_TEXT = """
ability accuracy approach area baseline behavior benchmark capability challenge community concept dataset domain
experiment field framework issue limitation literature method methodology metric paper paradigm performance pipeline
problem procedure process quality research result scenario setting strategy study system task technique technology work
workflow
"""
_EMPTY_HEADS = frozenset(_EMPTY_HEADS_TEXT.split())
_SHORTEST_PARTICIPLE = 4
_PARTICIPLES_OF_NAMES = frozenset(
    [
        "supervised",
        "embodied",
        "federated",
        "mixed",
        "distributed",
        "unified",
        "automated",
        "interleaved",
        "structured",
        "unlabeled",
        "naked",
        "embed",
    ]
)
_SHORTEST_GERUND = 6
_GERUNDS_OF_NAMES_TEXT = """
learning reasoning training planning rendering imaging building understanding processing modeling modelling scaling
tuning engineering programming computing manufacturing sensing tracking routing splatting editing mapping matching
decoding encoding prompting sampling scheduling clustering pruning grounding embedding meaning finding setting rating
ranking reranking grasping forgetting folding lighting relighting writing speaking speech driving gaming
spelling sequencing testing debugging forecasting proving captioning hashing pretraining finetuning unlearning boosting
computing networking labeling annotating pooling steering probing watermarking spring
"""
_GERUNDS_OF_NAMES = frozenset(_GERUNDS_OF_NAMES_TEXT.split())
_ADJECTIVE = re.compile(r".{3,}(?:al|ive|ous|ic|able|ible|ful|less|ary|ed|ent|ant)")
_NOUNS_THAT_LOOK_LIKE_ADJECTIVES_TEXT = """
retrieval signal proposal removal arithmetic logic music traffic clinic fabric narrative adversarial agent
agents refusal dialectic survival appraisal journal hospital mental table dictionary vocabulary summary embed
feed seed speed weed patent content moment sentiment student assistant plant variant infant environment
consent alignment measurement segment document entailment instrument treatment argument attachment
disagreement judgment movement deployment unlearning metal crystal animal capital portal
"""
_NOUNS_THAT_LOOK_LIKE_ADJECTIVES = frozenset(_NOUNS_THAT_LOOK_LIKE_ADJECTIVES_TEXT.split())


def is_verb_like(word: str) -> bool:
    """Tell whether a word, in lower case, is a verb form, an adverb or a word of grammar: no part of a name."""
    return word in _VERB_FORMS or word in STOP_WORDS or (word.endswith("ly") and len(word) > 5)


def is_modifier(word: str) -> bool:
    """Tell whether a word does not begin a name: it praises, counts, points or is a participle."""
    return word in _MODIFIER_WORDS or (
        word.endswith("ed") and len(word) > _SHORTEST_PARTICIPLE and word not in _PARTICIPLES_OF_NAMES
    )


def is_participle(word: str) -> bool:
    """Tell whether a word has the form of a participle and is not known as a part of names."""
    if word.endswith("ed"):
        return len(word) > _SHORTEST_PARTICIPLE and word not in _PARTICIPLES_OF_NAMES
    return word.endswith("ing") and len(word) > _SHORTEST_GERUND and word not in _GERUNDS_OF_NAMES


def is_empty_head(word: str) -> bool:
    """Tell whether a name is whole without this word behind it: "image editing" in "image editing methods"."""
    return stem(word) in _EMPTY_HEADS


def is_general(word: str) -> bool:
    """Tell whether a stem names no subject by itself."""
    return word in _GENERAL_WORDS or word in _MODIFIER_WORDS


def is_noun_like(word: str, *, is_alone: bool) -> bool:
    """Tell whether a word can end a name; one that stands alone needs three letters, too."""
    if (
        word in _MODIFIER_WORDS
        or stem(word) in _NOT_LAST
        or word.isdigit()
        or (is_alone and (len(word) < 3 or is_general(stem(word))))
    ):
        return False
    return word in _NOUNS_THAT_LOOK_LIKE_ADJECTIVES or word.endswith("ment") or not _ADJECTIVE.fullmatch(word)
