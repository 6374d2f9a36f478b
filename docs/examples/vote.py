"""A vote: each member answers, and the answer that most of them give is the reply."""

from collections import Counter
from collections.abc import Sequence

from pydantic import Field

import mubench_gen


class Vote(mubench_gen.GenerativeModel):
    """Asks all members; of answers with equally many votes the first member's counts."""

    class Options(mubench_gen.Options):
        members: str = Field("echo,tiny", description="plugins, with commas")

    def __init__(
        self,
        options: mubench_gen.Options | None = None,
        runtime: mubench_gen.Runtime | None = None,
    ) -> None:
        super().__init__(options, runtime)
        names = self.options.members.split(",")
        self.voters = [mubench_gen.open_model(name.strip()) for name in names]

    def generate(self, requests: Sequence[mubench_gen.Request]) -> list[mubench_gen.Reply]:
        given = [voter.generate(requests) for voter in self.voters]
        return [vote(replies, requests[i]) for i, replies in enumerate(zip(*given, strict=True))]


def vote(replies: Sequence[mubench_gen.Reply], request: mubench_gen.Request) -> mubench_gen.Reply:
    """The reply that chooses the label with the most votes."""
    found = [mubench_gen.parse_answer(r.text, request.labels, request.labels) for r in replies]
    votes = Counter(answer.index for answer in found if answer.index is not None)
    if not votes:
        return replies[0]
    chosen = max(votes, key=lambda index: votes[index])
    return next(r for r, a in zip(replies, found, strict=True) if a.index == chosen)


@mubench_gen.hookimpl
def mubench_gen_models() -> list[mubench_gen.ModelSpec]:
    return [mubench_gen.ModelSpec("vote", Vote, description="a vote of several models")]
