"""The advice of course 3 and the words of its reports: each entry in English and in Turkish."""

from __future__ import annotations

Said = dict[str, str]  # language -> text


def said(en: str, tr: str) -> Said:
    return {"en": en, "tr": tr}


LANGUAGES = ("en", "tr")

# The errors in the order of the lecture's ladder, and the gap below each of them.
LEVELS = {
    "human": said("human level", "insan düzeyi"),
    "train": said("training", "eğitim"),
    "train_dev": said("training-dev", "eğitim-geliştirme"),
    "dev": said("dev", "geliştirme"),
    "test": said("test", "test"),
}
GAPS = {
    "bias": said("avoidable bias", "kaçınılabilir yanlılık"),
    "variance": said("variance", "varyans"),
    "variance or mismatch": said("variance or data mismatch", "varyans ya da veri uyuşmazlığı"),
    "mismatch": said("data mismatch", "veri uyuşmazlığı"),
    "overfit to dev": said("overfit to dev", "geliştirme kümesine aşırı uyum"),
}
FOCUS = said("work on this first", "önce bunun üzerinde çalış")
NOTHING = said("No gap is larger than {tol:g}.", "{tol:g} değerinden büyük bir fark yok.")
DO = said("What to do, in this order:", "Yapılacaklar, bu sırayla:")
PAST_HUMAN = said(
    "Training is past the human level, which says nothing about bias any more.",
    "Eğitim insan düzeyini geçti; bu düzey artık yanlılık hakkında bir şey söylemiyor.",
)

# The basic recipe (course 2, week 1), and what helps against mismatch (course 3, week 2).
RECIPE = {
    "bias": [
        said("train a bigger network", "daha büyük bir ağ eğit"),
        said(
            "train longer, or with a better optimizer",
            "daha uzun ya da daha iyi bir eniyileyiciyle eğit",
        ),
        said("look for another architecture", "başka bir mimari ara"),
    ],
    "variance": [
        said("get more data", "daha çok veri topla"),
        said(
            "regularise: L2, dropout, augmentation",
            "düzenlileştir: L2, seyreltme (dropout), veri çoğaltma",
        ),
        said("look for another architecture", "başka bir mimari ara"),
    ],
    "variance or mismatch": [
        said(
            "keep a part of the training data from training, as training-dev set",
            "eğitim verisinin bir bölümünü eğitimde kullanma, eğitim-geliştirme kümesi olarak ayır",
        ),
    ],
    "mismatch": [
        said(
            "see by error analysis how dev differs from training",
            "hata çözümlemesiyle geliştirme verisinin farkını gör",
        ),
        said(
            "get training data that is more like dev, or make some",
            "geliştirme verisine benzeyen eğitim verisi topla ya da üret",
        ),
    ],
    "overfit to dev": [said("get a bigger dev set", "daha büyük bir geliştirme kümesi ayır")],
}

# One knob per effect. Early stopping is none of them: it moves the fit of train and of dev.
KNOBS = {
    "train": [
        said("a bigger network", "daha büyük bir ağ"),
        said("a better optimizer, such as Adam", "daha iyi bir eniyileyici, örneğin Adam"),
    ],
    "dev": [
        said("regularisation", "düzenlileştirme"),
        said("a bigger training set", "daha büyük bir eğitim kümesi"),
    ],
    "test": [said("a bigger dev set", "daha büyük bir geliştirme kümesi")],
    "real world": [
        said("another dev set", "başka bir geliştirme kümesi"),
        said("another metric or cost", "başka bir ölçüt ya da maliyet"),
    ],
}

# What works only while people are better than the model.
TACTICS = [
    said("get labels from people", "insanlara etiketlet"),
    said(
        "look by hand at mistakes: why was a person right?",
        "hataları elle incele: insan neden bildi?",
    ),
    said(
        "analyse bias and variance against the human level",
        "yanlılık ve varyansı insan düzeyine göre çözümle",
    ),
]

PROS_CONS = {
    "end_to_end": {
        "pros": [
            said(
                "the data speak: no human idea is forced on them",
                "veri konuşur: insan düşüncesi dayatılmaz",
            ),
            said("fewer parts to design by hand", "elle tasarlanacak parça azalır"),
        ],
        "cons": [
            said("it may need very much data", "çok fazla veri gerekebilir"),
            said(
                "it leaves out hand-made parts that would help",
                "işe yarayacak elle yapılmış parçaları dışlar",
            ),
        ],
    },
    "pipeline": {
        "pros": [
            said(
                "little data is enough, since knowledge is built in",
                "bilgi içine konduğundan az veri yeter",
            ),
            said(
                "each stage has an easier task and data of its own",
                "her aşamanın görevi daha kolaydır, kendi verisi vardır",
            ),
        ],
        "cons": [
            said("the mistakes of the stages add up", "aşamaların hataları birikir"),
            said(
                "what a stage drops is lost to the next one",
                "bir aşamanın attığını sonraki bulamaz",
            ),
        ],
    },
}
