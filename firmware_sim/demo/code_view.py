"""The code as the page shows it: every field with its bytes and a colour."""

from typing import Any

from keys.code.token import OfflineCode, field_spans


def code_view(raw: bytes) -> dict[str, Any]:
    """What the page needs of one code."""
    return {
        "raw": raw,
        "fields": code_fields(raw),
        "note_zh": "交通部三级脱机码布局，本项目自己的 SM2 测试根；不是全国电子社保卡令牌。",
        "note_en": "Transport ministry's three-level layout under a test root of ours; not the national token.",
    }


PALETTE = ("#f7d9a8", "#bfe0dd", "#f3c1b5", "#d9cdea", "#cfe3b4", "#f5e6a1", "#c7d7ef", "#ecc8da", "#d8d2c2", "#b9e3c6")


def code_fields(raw: bytes) -> list[dict[str, Any]]:
    """Every field of a code with offset, bytes and a colour."""
    spans = field_spans(OfflineCode.parse(raw))
    return [
        {
            "zh": FIELD_ZH.get(name, name),
            "en": name,
            "offset": start,
            "hex": raw[start:end].hex(),
            "value": "",
            "colour": PALETTE[place % len(PALETTE)],
        }
        for place, (name, start, end) in enumerate(spans)
    ]


FIELD_ZH = {
    "version": "版本",
    "length": "长度",
    "issuer certificate": "发码机构证书",
    "payment account": "支付账户号（化名）",
    "card account": "卡账户号（电子卡流水）",
    "card issuer": "发卡机构",
    "platform": "发码平台",
    "account type": "账户类型",
    "single-trip limit": "单次限额",
    "user public key": "用户公钥",
    "authorisation expiry": "授权到期",
    "validity": "码有效秒数",
    "area length": "自定义域长度",
    "issuer area": "权益域",
    "issuer signature tag": "机构签名标识",
    "issuer signature": "机构授权签名",
    "generation time": "生成时间",
    "user signature tag": "用户签名标识",
    "user signature": "用户签名",
}
