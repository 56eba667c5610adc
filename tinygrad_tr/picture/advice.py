"""The findings in words, English and Turkish: at their place in a picture, and in a report."""

from __future__ import annotations

from typing import NamedTuple

from tinygrad_tr.picture.health import Finding
from tinygrad_tr.picture.numbers import written

SIGNS = {"error": "✗", "warning": "⚠", "note": "·"}
PERCENT = {"en": "{0} %", "tr": "%{0}"}


class Texts(NamedTuple):
    """What is written on the card or operation, said in a report, and what may help."""

    brief: str
    sentence: str
    help: str = ""


ADVICE = {
    "en": {
        "bad value": Texts(
            "first bad number: {made}",
            "the first number that is not finite: {made}, of finite inputs {given}",
            "keep the inputs away from where it has no value: log(x + ε), a subtracted maximum",
        ),
        "bad gradient": Texts(
            "first bad gradient",
            "the first gradient that is not finite, of a finite one; inputs {given}",
            "its slope is infinite or not defined there: √x at 0, a norm at 0",
        ),
        "bad leaf": Texts("holds {made}", "holds numbers that are not finite: {made}"),
        "nothing left": Texts(
            "from here on the gradient is 0",
            "from here on back the gradient is exactly 0, and nothing before it can learn",
            "look at what the operation was given",
        ),
        "vanishing": Texts(
            "gradient vanishes: ×{ratio} in all",
            "the gradient vanishes: ×{ratio} over {count} operations. The least is let through "
            "here, ×{gain}; together {times} {symbol} make ×{product}",
            "He or Xavier initialisation, normalisation, skip connections, ReLU for sigmoid",
        ),
        "exploding": Texts(
            "gradient explodes: ×{ratio} in all",
            "the gradient explodes: ×{ratio} over {count} operations. It grows most here, "
            "×{gain}; together {times} {symbol} make ×{product}",
            "He or Xavier initialisation, normalisation, clip_grad_norm_",
        ),
        "vanishing in time": Texts(
            "gradient vanishes in time: ×{ratio}",
            "the gradient of the first step is ×{ratio} that of the last, {count} steps later",
            "LSTM or GRU, with gates that begin open: a positive bias of the forget gate",
        ),
        "exploding in time": Texts(
            "gradient explodes in time: ×{ratio}",
            "the gradient of the first step is ×{ratio} that of the last, {count} steps later",
            "clip_grad_norm_, smaller recurrent weights",
        ),
        "all dead": Texts(
            "all inputs ≤ 0: no gradient",
            "all of its inputs are ≤ 0: no gradient passes",
            "a smaller learning rate, He initialisation, or leaky_relu",
        ),
        "dead": Texts(
            "{share} of inputs ≤ 0",
            "{share} of its inputs are ≤ 0 and pass no gradient",
            "a smaller learning rate, He initialisation, or leaky_relu",
        ),
        "silent": Texts(
            "{silent} of {units} units are silent",
            "{silent} of {units} units are 0 for the whole batch, and learn nothing from it; "
            "{share} of the inputs are ≤ 0",
            "a smaller learning rate, He initialisation, or leaky_relu",
        ),
        "saturated": Texts(
            "saturated: mean |x| = {mean}",
            "{share} of its slopes are below 0.05, for its inputs are large: mean |x| = {mean}",
            "smaller weights before it, normalisation",
        ),
        "saturated states": Texts(
            "{share} of states saturated",
            "{share} of its states are near ±1, where tanh has slopes below 0.05",
            "smaller weights, a gated layer",
        ),
        "certain": Texts(
            "at 1 in {share} of rows",
            "one probability is 1 in {share} of the rows: there its slopes are 0",
            "smaller logits: a scale or a temperature before it",
        ),
        "attentive": Texts(
            "looks at one key only: {share}",
            "{share} of the queries look at one key only: there the softmax has slopes 0",
            "smaller scores: divide by √d, normalise q and k",
        ),
        "sure": Texts(
            "softmax at 1 in {share} of rows",
            "its softmax is at 1 in {share} of the rows, nearly all of them right: they teach "
            "no more",
        ),
        "sure and wrong": Texts(
            "softmax at 1, {share wrong} of it wrong",
            "its softmax is at 1 in {share} of the rows, and {share wrong} of these are wrong: the "
            "logits reach {largest}",
            "smaller logits at the start: smaller weights in the last layer",
        ),
        "level": Texts(
            "variance < ε in {count} of {of}",
            "{count} of {of} variances are below ε = {eps}: these numbers hardly differ, and are "
            "not normalised to variance 1",
            "look at what is before it; a batch of more than one example",
        ),
        "clipped": Texts(
            "clipped: {share}", "{share} of its inputs are out of bounds and pass no gradient"
        ),
        "masked": Texts("masked: {share}", "{share} of the gradient is masked"),
        "never used": Texts("learns nothing", "gets no gradient: it is not in this graph"),
        "never reached": Texts(
            "learns nothing",
            "gets no gradient: none of the ways back from the result leads to it",
        ),
        "all zero": Texts("learns nothing", "gets a gradient of zeros only"),
        "stops at detach": Texts("the gradient stops here", "the gradient stops here: detach()"),
        "stops at no_grad": Texts(
            "the gradient stops here", "the gradient stops here: made under no_grad()"
        ),
        "stops at a rule": Texts(
            "the gradient stops here", "the gradient stops here: {rule} has no derivative"
        ),
        "held before": Texts(
            ".grad held another gradient",
            ".grad already holds another gradient, of norm {norm}: backward() will add to it",
            "zero_grad() before backward(), unless gradients are accumulated on purpose",
        ),
        "differs": Texts(
            "≠ values {value}, gradients {gradient}",
            "differs from the other run: values by {value}, gradients by {gradient}",
        ),
    },
    "tr": {
        "bad value": Texts(
            "ilk bozuk sayı: {made}",
            "sonlu olmayan ilk sayı: {made}; girdiler sonlu: {given}",
            "girdileri tanımsız noktalardan uzak tutun: log(x + ε), çıkarılmış en büyük değer",
        ),
        "bad gradient": Texts(
            "ilk bozuk gradyan",
            "sonlu bir gradyandan çıkan, sonlu olmayan ilk gradyan; girdiler {given}",
            "türev orada sonsuz ya da tanımsız: 0'da √x, 0'da norm",
        ),
        "bad leaf": Texts("içinde {made}", "sonlu olmayan sayılar içeriyor: {made}"),
        "nothing left": Texts(
            "buradan geriye gradyan 0",
            "buradan geriye gradyan tam 0; öncesindeki hiçbir şey öğrenemez",
            "bu işlemin girdilerine bakın",
        ),
        "vanishing": Texts(
            "gradyan kayboluyor: toplam ×{ratio}",
            "gradyan kayboluyor: {count} işlemde ×{ratio}. En azı burada geçiyor, ×{gain}; "
            "{times} {symbol} birlikte ×{product}",
            "He ya da Xavier başlatması, normalizasyon, atlama bağlantıları, sigmoid yerine ReLU",
        ),
        "exploding": Texts(
            "gradyan patlıyor: toplam ×{ratio}",
            "gradyan patlıyor: {count} işlemde ×{ratio}. En çok burada büyüyor, ×{gain}; "
            "{times} {symbol} birlikte ×{product}",
            "He ya da Xavier başlatması, normalizasyon, clip_grad_norm_",
        ),
        "vanishing in time": Texts(
            "gradyan zamanda kayboluyor: ×{ratio}",
            "ilk adımın gradyanı, {count} adım sonraki son adımınkinin ×{ratio} katı",
            "LSTM ya da GRU, kapıları açık başlasın: unutma kapısına pozitif sapma",
        ),
        "exploding in time": Texts(
            "gradyan zamanda patlıyor: ×{ratio}",
            "ilk adımın gradyanı, {count} adım sonraki son adımınkinin ×{ratio} katı",
            "clip_grad_norm_, daha küçük özyinelemeli ağırlıklar",
        ),
        "all dead": Texts(
            "bütün girdiler ≤ 0: gradyan yok",
            "bütün girdileri ≤ 0: hiç gradyan geçmiyor",
            "daha küçük öğrenme oranı, He başlatması ya da leaky_relu",
        ),
        "dead": Texts(
            "girdilerin ≤ 0 olanı: {share}",
            "girdilerinin {share} kadarı ≤ 0 ve gradyan geçirmiyor",
            "daha küçük öğrenme oranı, He başlatması ya da leaky_relu",
        ),
        "silent": Texts(
            "{units} birimden {silent} tanesi suskun",
            "{units} birimden {silent} tanesi bütün yığında 0 ve bir şey öğrenmiyor; girdilerin "
            "{share} kadarı ≤ 0",
            "daha küçük öğrenme oranı, He başlatması ya da leaky_relu",
        ),
        "saturated": Texts(
            "doymuş: ortalama |x| = {mean}",
            "eğimlerinin {share} kadarı 0.05'in altında, çünkü girdileri büyük: ortalama "
            "|x| = {mean}",
            "öncesinde daha küçük ağırlıklar, normalizasyon",
        ),
        "saturated states": Texts(
            "doymuş durumlar: {share}",
            "durumlarının {share} kadarı ±1'e yakın; orada tanh'ın eğimi 0.05'in altında",
            "daha küçük ağırlıklar, kapılı bir katman",
        ),
        "certain": Texts(
            "satırların {share} kadarında 1",
            "satırların {share} kadarında bir olasılık 1: orada eğimler 0",
            "daha küçük logitler: öncesinde bir ölçek ya da sıcaklık",
        ),
        "attentive": Texts(
            "yalnız bir anahtara bakıyor: {share}",
            "sorguların {share} kadarı yalnız bir anahtara bakıyor: orada softmax'ın eğimi 0",
            "daha küçük puanlar: √d'ye bölmek, q ve k'yi normalizasyonk",
        ),
        "sure": Texts(
            "softmax 1'de: satırların {share} kadarı",
            "satırların {share} kadarında softmax 1'de ve hemen hepsi doğru: artık bir şey "
            "öğretmiyorlar",
        ),
        "sure and wrong": Texts(
            "softmax 1'de, yanlış olanı: {share wrong}",
            "satırların {share} kadarında softmax 1'de; bunların {share wrong} kadarı yanlış: "
            "logitler {largest} değerine ulaşıyor",
            "başlangıçta daha küçük logitler: son katmanda daha küçük ağırlıklar",
        ),
        "level": Texts(
            "varyans < ε: {of} içinde {count}",
            "{of} varyanstan {count} tanesi ε = {eps} altında: bu sayılar neredeyse aynı, "
            "varyansları 1'e getirilemiyor",
            "öncesine bakın; yığında birden çok örnek olsun",
        ),
        "clipped": Texts(
            "kırpılan: {share}", "girdilerinin {share} kadarı sınırların dışında: gradyan geçmiyor"
        ),
        "masked": Texts("maskelenen: {share}", "gradyanın {share} kadarı maskeleniyor"),
        "never used": Texts("hiçbir şey öğrenmiyor", "gradyan almıyor: bu grafta yok"),
        "never reached": Texts(
            "hiçbir şey öğrenmiyor",
            "gradyan almıyor: sonuçtan geriye giden hiçbir yol ona çıkmıyor",
        ),
        "all zero": Texts("hiçbir şey öğrenmiyor", "gradyanının bütün girdileri 0"),
        "stops at detach": Texts("gradyan burada duruyor", "gradyan burada duruyor: detach()"),
        "stops at no_grad": Texts(
            "gradyan burada duruyor", "gradyan burada duruyor: no_grad() içinde yapıldı"
        ),
        "stops at a rule": Texts(
            "gradyan burada duruyor", "gradyan burada duruyor: {rule} türevsiz"
        ),
        "held before": Texts(
            ".grad başka bir gradyan tutuyordu",
            ".grad zaten normu {norm} olan başka bir gradyan tutuyor: backward() üstüne ekler",
            "backward() öncesinde zero_grad(), gradyanlar bilerek biriktirilmiyorsa",
        ),
        "differs": Texts(
            "≠ değerler {value}, gradyanlar {gradient}",
            "öteki koşudan farklı: değerler {value}, gradyanlar {gradient} kadar",
        ),
    },
}


def brief(finding: Finding, lang: str) -> str:
    """The few words that stand at the place itself."""
    return filled(ADVICE[lang][finding.kind].brief, finding, lang)


def sentence(finding: Finding, lang: str) -> str:
    """What was found, for a report."""
    return filled(ADVICE[lang][finding.kind].sentence, finding, lang)


def filled(text: str, finding: Finding, lang: str) -> str:
    """A text with the facts in its places: shares as percentages, numbers in four digits."""
    facts = {
        name: value
        if isinstance(value, str)
        else percent(value, lang)
        if name.startswith("share")
        else written(value)
        for name, value in finding.facts.items()
    }
    return text.format_map(facts)


def percent(share: float, lang: str) -> str:
    """`92 %`; only all of it is 100 %, and only nothing 0 %."""
    digits = f"{100 * share:.3g}"
    if 0 < share < 0.001:
        digits = "<0.1"
    elif 0.999 < share < 1:
        digits = ">99.9"
    return PERCENT[lang].format(digits)
