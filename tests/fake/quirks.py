"""What one Argilla version does differently from the others."""

from __future__ import annotations

from dataclasses import dataclass

VERSIONS = ("1.27.0", "1.29.1", "2.0.1", "2.4.1", "2.8.0")


@dataclass(frozen=True)
class Quirks:
    """The behaviour of one version, one yes or no per difference that a client can see."""

    version: str
    accounts_in_v1: bool
    """`/me`, `/users` and the writing workspace calls live under `/api/v1`, and `/version` exists."""
    accounts_in_v0: bool
    """The same live under `/api`, and `/api/_info` exists."""
    bulk: bool
    """`POST` and `PUT .../records/bulk` exist."""
    plain_create: bool
    """`POST .../records` exists and answers without a body."""
    external_id_wins: bool
    """An upsert item that has an external id is looked up by it alone, never by its id."""
    duplicate_external_id_breaks: bool
    """An external id that is already there gives a 500, not a 422."""
    upsert_needs_published: bool
    distribution: bool
    """Records have a status, datasets a distribution."""
    distribution_is_fixed: bool
    """The distribution cannot change once there are responses."""
    dataset_metadata: bool
    free_names: bool
    """Dataset, field and question names may hold any character."""
    any_field_publishes: bool
    """Publishing asks for a field, not for a required field."""
    upsert_edits_fields: bool
    suggestion_upsert_touches_record: bool
    equal_metadata_touches_record: bool
    record_shows_responses: bool
    """`GET /records/{id}` has everybody's responses in it."""
    record_with_vectors_breaks: bool
    """`GET /records/{id}` of a record with vectors is a 500."""
    patch_with_vectors_breaks: bool
    """`PATCH /records/{id}` of a record with vectors is stored and answered with a 500."""
    list_from_index: bool
    """The record list goes through the search index."""
    bad_include_breaks: bool
    dataset_filters: bool
    """`GET /me/datasets` honours name and status."""
    search_by_id: bool
    keeps_orphans: bool
    """Responses of a deleted user stay, with a null author."""
    response_touches_dataset: bool
    """A person's response moves the dataset's updated_at, not only its last_activity_at."""
    score_lists: bool
    """A suggestion with a list value takes a list of scores, not one number."""
    refuses_repeated_suggestion: bool
    commits_before_indexing: bool
    chosen_ids: bool
    """`POST /users` and `POST /workspaces` take an id."""
    slug_usernames: bool
    zero_rating: bool
    options_order: bool
    field_types: tuple[str, ...]
    pydantic1: bool

    @staticmethod
    def of(version: str) -> Quirks:
        """The quirks of a version such as `2.4.1`."""
        v = tuple(int(part) for part in version.split("."))
        newer_fields = (("image", (2, 1)), ("chat", (2, 2)), ("custom", (2, 3)))
        return Quirks(
            version=version,
            accounts_in_v1=v >= (1, 29),
            accounts_in_v0=v < (2,),
            bulk=v >= (1, 28),
            plain_create=v < (2,),
            external_id_wins=v < (2,),
            duplicate_external_id_breaks=v < (1, 28),
            upsert_needs_published=v < (2, 4),
            distribution=v >= (2,),
            distribution_is_fixed=v < (2, 2),
            dataset_metadata=v >= (2, 4),
            free_names=v >= (2, 4),
            any_field_publishes=v >= (2, 4),
            upsert_edits_fields=v >= (2, 6),
            suggestion_upsert_touches_record=v >= (2, 6),
            equal_metadata_touches_record=v < (2, 6),
            record_shows_responses=v >= (2, 3),
            record_with_vectors_breaks=v >= (2, 3),
            patch_with_vectors_breaks=v < (2, 5),
            list_from_index=v < (2, 3),
            bad_include_breaks=v < (2,),
            dataset_filters=v >= (2, 3),
            search_by_id=v >= (2, 3),
            keeps_orphans=v < (2,),
            response_touches_dataset=v < (2, 4, 1),
            score_lists=v >= (1, 28),
            refuses_repeated_suggestion=v >= (2, 4) or v < (1, 28),
            commits_before_indexing=v >= (2, 4),
            chosen_ids=v >= (2, 7),
            slug_usernames=v < (2, 4),
            zero_rating=v >= (1, 29),
            options_order=v >= (1, 28),
            field_types=("text", *(name for name, since in newer_fields if v >= since)),
            pydantic1=v < (2, 5),
        )
