"""Two small copies of one dataset, as a team has them: a person's own and the group's."""

from __future__ import annotations

from tests.servers.seed import Admin, Dataset, User, answer, label, rating, record, text

REVIEWS = (
    ("The kettle boils in under a minute.", "positive"),
    ("It leaked on the second day.", "negative"),
    ("The manual is in four languages.", "neutral"),
    ("Support answered within an hour.", "positive"),
    ("The lid does not close properly.", "negative"),
    ("It is the same size as the old one.", "neutral"),
    ("My whole family uses it every morning.", "positive"),
    ("The handle gets far too hot.", "negative"),
    ("Arrived on the day that was promised.", "positive"),
    ("Comes in white and in black.", "neutral"),
)
ALICE_ANSWERED = 6
BOB_ANSWERED = 3


def seed_demo(admin: Admin) -> tuple[User, User, Dataset, Dataset]:
    """Create users alice and bob, and the dataset `reviews` in the workspaces alice and group.

    Both copies hold the same ten records under the same external ids. In her own copy alice has submitted six
    answers, saved one draft and discarded one record; in the group's copy bob has submitted three answers.
    Returns alice, bob, alice's copy, the group's copy.
    """
    alice = admin.user("alice", workspaces=["alice", "group"])
    bob = admin.user("bob", workspaces=["group"])
    own, group = (_copy(admin, workspace) for workspace in ("alice", "group"))
    by_alice = [answer(alice, {"sentiment": mood, "quality": 4}) for _, mood in REVIEWS[:ALICE_ANSWERED]]
    by_alice.append(answer(alice, {"sentiment": "positive"}, "draft"))
    by_alice.append(answer(alice, {}, "discarded"))
    by_bob = [answer(bob, {"sentiment": mood, "note": "agreed"}) for _, mood in REVIEWS[:BOB_ANSWERED]]
    for copy, responses in ((own, by_alice), (group, by_bob)):
        copy.add(
            [
                record(
                    {"text": review},
                    external_id=f"review-{position}",
                    suggestions={"sentiment": {"value": mood, "score": 0.9, "agent": "demo-model"}},
                    responses=responses[position : position + 1],
                )
                for position, (review, mood) in enumerate(REVIEWS)
            ]
        )
    return alice, bob, own, group


def _copy(admin: Admin, workspace: str) -> Dataset:
    return admin.dataset(
        workspace,
        "reviews",
        guidelines="What does the writer think of the kettle?",
        questions=[
            label("sentiment", ["positive", "neutral", "negative"]),
            rating("quality", range(1, 6), required=False),
            text("note", required=False),
        ],
    )
