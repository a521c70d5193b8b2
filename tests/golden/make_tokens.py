#!/usr/bin/env python3
"""Writes the reference tokens of a multilingual torture list (tests/golden/data/tokens.json).

    make_tokens.py MODEL_DIR... > tests/golden/data/tokens.json
    make_tokens.py --texts FOLDER          (the texts as files, for compare_tokens.py)

Every MODEL_DIR has a tokenizer.json of a published model. A third, tiny model is made here and
its files stand in the output, so that the tests need no download. Offsets are in bytes of the
UTF-8 text. Needs: tokenizers==0.21.1.
"""

import json
import pathlib
import sys

import tokenizers
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordPiece

TEXTS = [
    "",
    " \t\r\n ",
    "How do I stop Katib from deleting the pods of finished trials?",
    "KF_PIPELINES_SA_TOKEN_PATH=/var/run/secrets; `spec.earlyStopping` .set_caching_options(False)",
    "a.b,c;d:e!f?g(h)i[j]k{l}m<n>o|p\\q/r@s#t$u%v^w&x*y-z_+=~`'\"",
    "naïve café Ångström Straße ÆSIR œuvre Łódź Đorđe Ħal Øre",
    "e\u0301 e\u0323\u0301 e\u0301\u0323 o\u0302\u0303\u0323x \u0301start \u0344a \u0345\u0334b",
    "İstanbul ISPARTA ıspanak Iğdır i\u0307",
    "ΟΔΥΣΣΕΥΣ Ὀδυσσεύς ΑΣ ς ΐ ᾳ ᾼ",
    "ÇA VA? ﬁn ﬂuss ﬃ Ǆ ǅ ǆ ŉ ß ẞ ſ K Å Ω",
    "漢字仮名交じり文、日本語。カタカナ ｶﾞｷﾞ ﾊﾟ が か\u3099 豈 﨑 𠀀𪜀𫝀𫠠𫤟𫤠 㐀䶵䶶 〇々〆",
    "대한민국 한국어를 가각힣 ㄱㅏ 각",
    "ภาษาไทย น้ำ ที่นี่ เก้าอี้ กำ",
    "हिन्दी में क़लम क्षत्रिय ज़्यादा ॐ, বাংলা কো ৰ, தமிழ் கொ, తెలుగు, ಕನ್ನಡ ಕೋ, മലയാളം കൊ, සිංහල කෝ",
    "العَرَبِيَّةُ مُحَمَّد ـــ لا ﷺ ﻻ آ أ ؤ ئ ۀ، ؟ ٪ ١٢٣",
    "עִבְרִית שָׁלוֹם יִ שׁ ﬡ־״׳",
    "Việt Nam: Tiếng Việt Đặng Thị Ngữ ớ ở ợ",
    "Ёлка Йод Київ Ґанок и\u0306 Ѐ Ӝ ҃",
    "བོད་སྐད་ ཀྵ གྷ ྲྀ ཱི",
    "ខ្មែរ ភាសា ລາວ ນ້ຳ မြန်မာ ဦ አማርኛ ᏣᎳᎩ ꭰ Ꭰᏸ ქართული ᲥᲐᲠ Ⴀ Հայ և",
    "😀 👩\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈 👍🏽 ☺️ ©️ 1️⃣ 🇩🇪 \U000e0067\U000e007f",
    "zero\u200bwidth\u200cnon\u200djoin\u2060er\ufeff soft\u00adhyphen \ufeffbom",
    "a\u0000b\ufffdc\u0001d\u001fe\u007ff\u0080g\u009fh\u0085i\u000bj\u000ck",
    "a\tb\rc\nd\u00a0e\u1680f\u2000g\u200ah\u2028i\u2029j\u202fk\u205fl\u3000m\u180en",
    "private \ue000\uf8ff \U000f0000 \U0010fffd unassigned \u0378 \u0380 \U000e0002 \ufdd0 \uffff \U0001fbff",
    "new marks \u08d4\u08e1\u1ac1\u1df6 \u302e\u302f a\u0315\u302e\u0300b a\u302f\u0334\u302e\u031bc",
    "a\u0344\u302e\u0334d é\u0323\u302e\u0315e \U0001d15e\U0001d165\U0001d16e\U0001d16d \U00011938 \U0001109a",
    "\U0001e000\u0334\U0001e944 \u1b44\u1baa\u0334\u0301x \uac00\u0301\u302e\u1100\u1161",
    "“quotes” ‘single’ «guillemets» ‹x› — – ‐ ‑ … ‥ ¡hola! ¿qué? § ¶ † ‡ • ‰ ′ ″ ※ ⁉ ⸺ ⸻ ⹃ 、。「」『』【】〜〽・！？（）",
    "math ∑∏√∞≠≤≥±×÷→←⇒∀∃ € £ ¥ ¢ ₹ ½ ¼ ² ³ ₂ ⅷ Ⅷ ① Ⓐ ⓐ № ™ ® © ° µ",
    "\ua7cb\ua7cc\ua7da\ua7dc\u1c89 \U00010d50\U00010d65 \U00010400\U00010427 \u1e9e \u2126 \u212a \u212b",
    "x" * 100,
    "x" * 101 + " y",
    "é" * 100 + " " + "é" * 101,
    "é" * 50 + "e\u0301" * 50 + " " + "가" * 33 + " " + "가" * 51,
    "z" * 5000 + "." + "q" * 99 + "!" + "한" * 100,
    "[CLS] [SEP] [PAD] [UNK] [MASK] [cls] [ SEP ] x[SEP]y [[MASK]] [SEP",
    "<s> </s> <pad> <unk> <mask> <S> </S> <UNK> <Mask> x<s>y<</s>> < unk > <mask",
    "a  <mask>  b\u00a0\t<mask>\n<mask><mask>\u200b<mask> \u000c<mask>",
    "<unk><UNK><u\u0301nk><un\u00adk><\u200bunk>a<unk\u0301>b<unk<unk>><<unk>",
    "e<s>\u0301 \u0323</s>\u0301a<unk>\u0301b <mask>\u0301c",
    "##ing ##a # #include <stdio.h> a##b [unused0] [unused1]",
    "https://www.kubeflow.org/docs/components/katib/user-guides/early-stopping/#x?y=1&z=2",
    "apiVersion: kubeflow.org/v1beta1\nkind: Experiment\nmetadata:\n  name: random\n\tspec: {a: [1, 2.5e-3]}\n",
    "supercalifragilisticexpialidocious antidisestablishmentarianism pneumonoultramicroscopic",
    "ABC123def456 3.14159 1,000,000 0x7fff v1.9.0-rc.1 2026-11-22T22:03:00Z",
    " leading and trailing ",
    "\u0300\u0301\u0302",
    "한\u0000국 e\u00ad\u0301 漢\u0301字",
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324\u031e\u0349\u035a\u032f\u031e\u0320\u034dA\u036b\u0357\u0334\u0362\u0335\u031c\u0330\u0354",
]


def byte_offsets(text, offsets):
    starts, total = [0], 0
    for c in text:
        total += len(c.encode())
        starts.append(total)
    return [[starts[a], starts[b]] for a, b in offsets]


def tiny_files():
    """A vocabulary of the characters of some of the texts, both models' special tokens, some words."""
    bert = normalizers.BertNormalizer(lowercase=True)
    chars = sorted({c for text in TEXTS[2:20] for c in bert.normalize_str(text) if not c.isspace()})
    words = ["the", "pods", "trials", "kat", "##ib", "##ing", "cafe", "istanbul", "##ss", "##euro", "del", "##et"]
    special = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>", "[SEP]"]
    vocab = special + words + chars + ["##" + c for c in chars if c.isalnum()]
    t = Tokenizer(WordPiece({w: i for i, w in enumerate(vocab)}, unk_token="[UNK]", max_input_chars_per_word=100))
    t.normalizer = bert
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.add_special_tokens(
        [AddedToken(w, normalized=w == "<unk>", lstrip=w == "<mask>", special=True) for w in special]
    )
    t.post_processor = tokenizers.processors.RobertaProcessing(
        ("</s>", vocab.index("</s>")), ("<s>", vocab.index("<s>")), trim_offsets=True, add_prefix_space=False
    )
    return vocab, t


def tokens_of(tokenizer):
    tokenizer.no_truncation()
    tokenizer.no_padding()
    out = []
    for text in TEXTS:
        e = tokenizer.encode(text, add_special_tokens=False)
        out.append({"ids": e.ids, "offsets": byte_offsets(text, e.offsets)})
    return out


def main():
    if sys.argv[1:2] == ["--texts"]:
        folder = pathlib.Path(sys.argv[2])
        folder.mkdir(parents=True, exist_ok=True)
        for i, text in enumerate(TEXTS):
            (folder / f"{i:03d}.txt").write_bytes(text.encode())
        return
    vocab, tiny = tiny_files()
    models = {"tiny": tokens_of(tiny)}
    for folder in sys.argv[1:]:
        path = pathlib.Path(folder)
        models[path.name] = tokens_of(Tokenizer.from_file(str(path / "tokenizer.json")))
    head = {
        "made_by": f"make_tokens.py, tokenizers {tokenizers.__version__}",
        "tiny_vocab": vocab,
        "tiny_tokenizer": json.loads(tiny.to_str()),
        "texts": TEXTS,
    }
    # One line per entry, for readable differences; NUL as an escape that jansson must be told to allow.
    print("{")
    for key, value in head.items():
        print(json.dumps(key) + ": " + json.dumps(value) + ",")
    print('"models": {')
    for n, (name, lists) in enumerate(models.items()):
        print(json.dumps(name) + ": [")
        print(",\n".join(json.dumps(x, separators=(",", ":")) for x in lists))
        print("]" + ("," if n + 1 < len(models) else ""))
    print("}}")


if __name__ == "__main__":
    main()
