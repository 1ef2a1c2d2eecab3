"""What every section of params.yaml is made of."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Rate = Annotated[float, Field(gt=0)]
Names = Annotated[list[str], Field(min_length=1)]
Seeds = Annotated[list[Count], Field(min_length=1)]
Options = dict[str, int | float | bool | str]
BatchNorm = Literal["reestimated", "kept"]
Stop = Literal["steps", "loss"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
