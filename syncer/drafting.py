"""One plan in the making: people, pairing, items, figures. Reads the store, writes nothing but its workbench."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from state import TARGET, ItemRow, SnapshotRow, Store
from syncer import guard, match, names, ops, plan, sync_content
from syncer.difference import settings_difference
from syncer.items import AnyItem, Destination, Items
from syncer.model import Settings, canonical_json
from syncer.names import Names
from syncer.options import JobOptions
from syncer.pairing import Options, Pairing, Side
from syncer.plan_model import Located, Summary


class Draft:
    """The making of one plan."""

    def __init__(
        self,
        store: Store,
        options: JobOptions,
        sources: Sequence[tuple[Located, SnapshotRow]],
        target: tuple[Located, SnapshotRow],
    ) -> None:
        self._store = store
        self._options = options
        self._sources = sources
        self._target = target
        self._settings = [Settings.from_dict(json.loads(store.bodies.get(s.settings))) for _, s in sources]
        self._target_settings = Settings.from_dict(json.loads(store.bodies.get(target[1].settings)))
        self._users = {i: store.snapshots.users(shot.id) for i, (_, shot) in enumerate(sources)}
        self._target_users = store.snapshots.users(target[1].id)
        self._people: dict[int, dict[str, str]] = {}
        self._reasons: dict[int, dict[str | None, str]] = {}
        self._new_users: set[str] = set()
        self._blocked: list[str] = []
        self._sides: list[Side] = []
        self._items: Items | None = None
        self._written: Counter[str] = Counter()
        self._submitted: Counter[str] = Counter()
        self._created: list[int] = []
        self._kinds: Counter[str] = Counter()

    # People

    def match_people(self) -> dict[int, dict[str, str]]:
        """Match the authors of every source with people of the target, and note who has no counterpart."""
        for index, (_, shot) in enumerate(self._sources):
            people = match.match_people(
                self._store.snapshots.authors(shot.id),
                self._users[index],
                self._target_users,
                same_server=_same_server(shot, self._target[1]),
                user_map=self._options.users,
            )
            self._people[index] = dict(people.known)
            self._reasons[index] = {}
            for author in people.unmatched:
                self._unmatched(index, shot.reference, author)
            match.check_distinct(self._people[index], {u.user_id: u.username for u in self._users[index]})
        return self._people

    def _unmatched(self, index: int, reference: str, author: match.Unmatched) -> None:
        options = self._options
        if author.reason == "no-counterpart" and options.create_users and author.username and author.user_id:
            self._new_users.add(author.username)
            self._people[index][author.user_id] = f"new:{author.username}"
            return
        if options.drop_unmapped:
            self._reasons[index][author.user_id] = f"dropped: {_author_text(author)}"
            return
        self._reasons[index][author.user_id] = f"{author.reason}: {_author_text(author)}"
        self._blocked.append(
            f"{_author_text(author)} wrote {author.responses} responses in {reference}: {_author_advice(author)}"
        )

    # Records and responses

    def pair(self) -> None:
        """Fill the workbench."""
        target_id = self._target[1].dataset_id
        names.check_questions(self._options.conflicts_by_question, self._target_settings)
        for index, (_, shot) in enumerate(self._sources):
            renames = names_of(self._options, self._settings[index])
            names.check_distinct(renames, self._settings[index], two_way=self._options.two_way)
            if self._target[0].dataset is not None:
                names.check_names(renames, self._settings[index], self._target_settings)
            pair = f"{shot.dataset_id}>{target_id}"
            self._sides.append(
                Side(
                    index,
                    shot,
                    self._settings[index],
                    renames,
                    self._people[index],
                    self._reasons[index],
                    pair,
                )
            )
        options = Options(
            rules=match.Rules(
                chain=match.parse_chain(self._options.match),
                ignore_whitespace=self._options.ignore_whitespace,
                ignore_case=self._options.ignore_case,
                in_order=self._options.ambiguous == "in-order",
            ),
            create_records=self._options.records,
            allow_different_fields=self._options.limits.allow_different_fields,
            restore_deleted=self._options.restore_deleted,
            filters=self._options.filters,
        )
        Pairing(self._store, self._target_side(), self._sides, options).fill()

    def _target_side(self) -> Side:
        return Side(TARGET, self._target[1], self._target_settings, Names(), {}, {})

    def rows(self) -> Iterator[ItemRow]:
        """The plan's rows in order: setup first, then record by record."""
        usernames = {u.user_id: u.username or "" for u in self._target_users}
        usernames |= {f"new:{name}": name for name in self._new_users}
        rules = plan.Rules(
            policy=self._options.conflicts,
            by_question=self._options.conflicts_by_question,
            two_way=self._options.two_way,
            restore_deleted=self._options.restore_deleted,
            propagate_deletes=self._options.propagate_deletes,
            clock_tolerance=timedelta(seconds=self._options.clock_tolerance),
        )
        self._items = Items(self._store, self._target_side(), self._sides, rules, self._destinations(), usernames)
        seq = 0
        for item in self._all_items(self._items):
            self._count(item)
            if isinstance(item, ops.Unchanged) and not item.digests:
                continue
            payload = canonical_json(item.model_dump(mode="json"))
            dataset_id = getattr(item, "dataset_id", None)
            yield ItemRow(seq, ops.category_of(item), item.kind, ops.item_id(item), dataset_id, payload)
            seq += 1

    def _all_items(self, items: Items) -> Iterator[AnyItem]:
        yield from self._setup()
        yield from items.make()
        yield from sync_content.record_updates(
            self._store, self._target_side(), self._sides, self._options.include, self._target[0].client.capabilities
        )
        if self._options.mirror:
            yield from sync_content.record_deletions(self._store, self._target_side())
        else:
            yield from sync_content.records_deleted_at_sources(self._store, self._target_side(), self._sides)

    def _setup(self) -> Iterator[AnyItem]:
        for name in sorted(self._new_users):
            yield ops.CreateUser(label=name, record_key="", username=name)
        located, shot = self._target
        if located.dataset is None:
            yield ops.CreateDataset(
                label=f"{located.workspace}/{located.name}", record_key="", dataset_id=located.dataset_id,
                workspace=located.workspace, name=located.name, settings=shot.settings, publish=self._publish(),
            )  # fmt: skip
        if self._options.add_members:
            for person, username in self._outsiders():
                workspace = located.dataset.workspace if located.dataset else located.workspace
                yield ops.AddMember(
                    label=username, record_key="", workspace=workspace, person=person, username=username
                )

    def _publish(self) -> bool:
        """A draft stays a draft; what comes from a snapshot is published."""
        return any(located.dataset is None or located.dataset.status == "ready" for located, _ in self._sources)

    def _outsiders(self) -> list[tuple[str, str]]:
        """Authors who are no members of the target's workspace, by name; owners need no membership."""
        known = {u.user_id: u for u in self._target_users}
        persons = {person for people in self._people.values() for person in people.values()}
        found = []
        for person in persons:
            user = known.get(person)
            if user is None:
                found.append((person, person.removeprefix("new:")))
            elif not user.member and user.role != "owner":
                found.append((person, user.username or person))
        return sorted(found, key=lambda pair: pair[1])

    def _destinations(self) -> dict[int, Destination]:
        places = {TARGET: self._destination(self._target, None, recreate=self._options.recreate_by_itself)}
        if self._options.two_way:
            for index, (located, shot) in enumerate(self._sources):
                back = {person: user for user, person in self._people[index].items()}
                reverse = match.match_people(
                    self._store.snapshots.authors(self._target[1].id),
                    self._target_users,
                    self._users[index],
                    same_server=_same_server(shot, self._target[1]),
                    user_map={b: a for a, b in self._options.users.items()},
                )
                back = {**reverse.known, **back}
                match.check_distinct(back, {u.user_id: u.username for u in self._target_users})
                places[index] = self._destination((located, shot), back, recreate=False)
        else:
            for index, (located, shot) in enumerate(self._sources):
                back = {person: user for user, person in self._people[index].items()}
                places[index] = self._destination((located, shot), back, recreate=False)
        return places

    def _destination(
        self, side: tuple[Located, SnapshotRow], back: Mapping[str, str] | None, *, recreate: bool
    ) -> Destination:
        located, shot = side
        strategy = self._options.strategy
        return Destination(
            dataset_id=shot.dataset_id,
            bulk_upsert=located.client.capabilities.bulk_upsert,
            recreate=strategy == "recreate" or (strategy == "auto" and recreate),
            as_author=strategy == "author",
            back=back,
        )

    # Figures

    def _count(self, item: AnyItem) -> None:
        self._kinds[item.kind] += 1
        if isinstance(item, ops.WriteResponse):
            self._kinds["overwrite"] += item.expects is not None
            self._written[item.answer.username] += 1
            if item.expects is None and item.dataset_id == self._target[1].dataset_id:
                self._submitted[item.record_id] += self._is_submitted(item.answer)
        elif isinstance(item, ops.CreateRecord | ops.RecreateRecord):
            self._kinds["minted"] += item.minted
            for answer in item.answers:
                self._written[answer.username] += 1
            submitted = sum(self._is_submitted(answer) for answer in item.answers)
            if isinstance(item, ops.CreateRecord):
                self._created.append(submitted)
            else:
                self._submitted[item.record_id] += submitted
        elif isinstance(item, ops.Skip):
            self._kinds[f"skip:{item.reason}"] += 1

    def summary(self) -> Summary:
        """The plan's figures, after its rows have been made."""
        assert self._items is not None
        outcomes = self._store.workbench.outcomes()
        records: Counter[str] = Counter()
        for (_, outcome), number in outcomes.items():
            records[outcome] += number
        return Summary(
            counts={**self._kinds, **{f"rows:{k}": v for k, v in self._items.counts.items()}},
            records=dict(records),
            figures=self._figures(records),
            blocked=tuple(self._blocked),
            warnings=tuple(self._warnings()),
            by_author={name: n for name, n in sorted(self._written.items()) if n},
            completes=self._completes(),
            losses=tuple(self._losses()),
            settings=tuple(self._differing_settings()),
        )

    def _figures(self, records: Mapping[str, int]) -> guard.Figures:
        kinds = self._kinds
        memory = self._store.memory
        target_id = self._target[1].dataset_id
        swapped = []
        histories = []
        for _, shot in self._sources:
            other = memory.pair(f"{target_id}>{shot.dataset_id}")
            if other and not other["two_way"] and not self._options.two_way:
                swapped.append(shot.reference)
            last = memory.pair(f"{shot.dataset_id}>{target_id}")
            if last and last["source_snapshot"]:
                histories.append(self._history(int(last["source_snapshot"]), shot))
        return guard.Figures(
            overwrites=kinds["overwrite"],
            deletes=kinds["delete_response"] + kinds["delete_record"],
            matched_responses=self._store.workbench.matched_answers(),
            matched_records=records.get("matched", 0),
            different_records=records.get("content-differs", 0),
            skips=kinds["skip"],
            swapped=tuple(swapped),
            histories=tuple(histories),
        )

    def _history(self, before: int, shot: SnapshotRow) -> guard.History:
        kept, rewritten = self._store.snapshots.kept(before, shot.id)
        old = self._store.snapshots.get(before)
        return guard.History(
            reference=shot.reference, before=old.records, now=shot.records, kept=kept, rewritten=rewritten
        )

    def _warnings(self) -> Iterator[str]:
        if not self._options.add_members:
            for _, username in self._outsiders():
                yield f"{username} is no member of the target's workspace (--add-members)"

    def _losses(self) -> Iterator[str]:
        recreated = self._kinds["recreate_record"]
        if recreated:
            yield (
                f"{recreated} records are deleted and re-created: their ids, times and places in the list change, "
                "as do the ids and times of their responses and suggestions; drafts without values become empty ones"
            )
        if self._kinds["create_record"]:
            yield "created records, responses and suggestions get new ids and times"
        if self._kinds["minted"]:
            yield f"{self._kinds['minted']} records without an external id get one that begins with `syncer-`"
        yield from sync_content.settings_losses(self._settings, self._target[0].client.capabilities)

    def _differing_settings(self) -> list[str]:
        """How the target's settings differ from the sources'; nothing for one that is made after them."""
        if self._target[0].dataset is None:
            return []
        lines: dict[str, None] = {}
        for side in self._sides:
            renamed = sync_content.rename_settings(side.settings, side.names)
            lines |= dict.fromkeys(settings_difference(renamed, self._target_settings))
        return list(lines)

    def _completes(self) -> int:
        distribution = self._target_settings.distribution
        if not distribution or "min_submitted" not in distribution:
            return -1
        return sync_content.count_completed(
            self._store, self._target[1].id, self._submitted, self._created, int(distribution["min_submitted"])
        )

    def _is_submitted(self, answer: ops.Answer) -> bool:
        return bool(json.loads(self._store.bodies.get(answer.body))["status"] == "submitted")


def names_of(options: JobOptions, settings: Settings) -> Names:
    """The renames of a job that concern a source with these settings: sources need not be all alike."""
    return Names(
        questions={a: b for a, b in options.questions.items() if settings.question(a)},
        labels={q: m for q, m in options.labels.items() if settings.question(q)},
        fields={a: b for a, b in options.fields.items() if any(f["name"] == a for f in settings.fields)},
    )


def _same_server(one: SnapshotRow, other: SnapshotRow) -> bool:
    """Whether two snapshots come from one server: then ids of users mean the same people."""
    return one.url.rstrip("/") == other.url.rstrip("/")


def _author_text(author: match.Unmatched) -> str:
    if author.reason == "deleted-author":
        return "a deleted user"
    return author.username or f"user {author.user_id}"


def _author_advice(author: match.Unmatched) -> str:
    drop = "or --drop-unmapped to leave these responses out"
    match author.reason:
        case "deleted-author":
            return f"nobody can be their author any more; {drop.removeprefix('or ')}"
        case "no-counterpart":
            return f"the target's server has no such user: --map-user {author.username}=NAME, --create-users, {drop}"
        case "differs-in-case":
            choice = author.candidates[0] if len(author.candidates) == 1 else "NAME"
            return (
                f"the target's server has {', '.join(author.candidates)}: --map-user {author.username}={choice}, {drop}"
            )
        case "cannot-be-named":
            return f"this key may not see the name; use an owner's key, {drop}"
