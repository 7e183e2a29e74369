"""Shapes of certification. Days YYYYMMDD inclusive."""

from typing import Annotated

from pydantic import Field

from server.http.forms import Answer, Form, Name

Words = Annotated[str, Field(min_length=1, max_length=200)]


class CertificateForm(Form):
    """`source` police, rail, medical, counter ...; `evidence` names the record."""

    person_id: Name
    item: Annotated[str, Field(pattern=r"^[A-Z0-9]{2,20}$")]
    source: Name
    evidence: Words


class CertificateAnswer(Answer):
    person_id: str
    item: str
    valid_to: str
