//! The groups of one partition of `__consumer_offsets`: events find their group, time finds its own.

use std::collections::HashMap;
use std::sync::Arc;

use super::deadlines::Deadlines;
use super::group::{Group, State};
use crate::config::GroupSettings;
use crate::group::event::{Effects, Event, Now, Ticket};
use crate::group::record::GroupRecord;

/// A group as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedGroup {
    /// The group.
    pub(crate) group_id: String,
    /// Kind of group; empty if nobody ever joined.
    pub(crate) protocol_type: String,
    /// Where it stands.
    pub(crate) state: State,
}

/// The groups of one partition.
#[derive(Debug)]
pub(in crate::group) struct Groups {
    settings: Arc<GroupSettings>,
    by_id: HashMap<String, Group>,
    deadlines: Deadlines<String>,
}

impl Groups {
    pub(in crate::group) fn new(settings: Arc<GroupSettings>) -> Self {
        Self { settings, by_id: HashMap::new(), deadlines: Deadlines::default() }
    }

    /// Gives an event to its group, which is made if the event makes groups.
    pub(in crate::group) fn step(
        &mut self,
        id: &str,
        event: Event,
        ticket: Ticket,
        now: Now,
    ) -> Effects {
        if !self.by_id.contains_key(id) {
            if !event.creates_group() {
                return Effects {
                    records: Vec::new(),
                    answers: vec![(ticket, event.without_group())],
                };
            }
            let group = Group::new(id.to_owned(), Arc::clone(&self.settings), now);
            self.by_id.insert(id.to_owned(), group);
        }
        self.with(id, |group| group.step(event, ticket, now))
    }

    /// Does what is due in all groups.
    pub(in crate::group) fn tick(&mut self, now: Now) -> Effects {
        let mut all = Effects::default();
        while let Some(id) = self.deadlines.take_due(now.elapsed_ms) {
            all.extend(self.with(&id, |group| group.tick(now)));
        }
        all
    }

    /// Drops the offsets that are past their retention, and the groups that are used no more.
    pub(in crate::group) fn expire_offsets(&mut self, now: Now) -> Effects {
        self.with_all(|group, effects| group.expire_offsets(now, effects))
    }

    /// Drops the offsets of a topic that is gone.
    pub(in crate::group) fn drop_topic(&mut self, topic: &str) -> Effects {
        self.with_all(|group, effects| group.drop_topic(topic, effects))
    }

    pub(in crate::group) fn next_deadline_ms(&self) -> Option<u64> {
        self.deadlines.next()
    }

    pub(in crate::group) fn list(&self) -> Vec<ListedGroup> {
        let listed = |(id, group): (&String, &Group)| ListedGroup {
            group_id: id.clone(),
            protocol_type: group.protocol_type().unwrap_or_default().to_owned(),
            state: group.state(),
        };
        self.by_id.iter().map(listed).collect()
    }

    /// Takes in a record of the log.
    pub(in crate::group) fn apply(&mut self, record: GroupRecord, now: Now) {
        let id = record.group_id().to_owned();
        let make = || Group::new(id.clone(), Arc::clone(&self.settings), now);
        let group = self.by_id.entry(id.clone()).or_insert_with(make);
        group.apply(record);
        if group.is_vacant() {
            self.by_id.remove(&id);
        }
    }

    /// Begins the sessions of the members that the log knew.
    pub(in crate::group) fn resume(&mut self, now: Now) {
        let ids: Vec<String> = self.by_id.keys().cloned().collect();
        for id in ids {
            self.with(&id, |group| {
                group.resume(now);
                Effects::default()
            });
        }
    }

    fn with(&mut self, id: &str, step: impl FnOnce(&mut Group) -> Effects) -> Effects {
        let Some(group) = self.by_id.get_mut(id) else { return Effects::default() };
        let effects = step(group);
        match group.next_deadline_ms() {
            Some(at_ms) => self.deadlines.set(id.to_owned(), at_ms),
            None => self.deadlines.clear(&id.to_owned()),
        }
        if group.is_vacant() {
            self.deadlines.clear(&id.to_owned());
            self.by_id.remove(id);
        }
        effects
    }

    fn with_all(&mut self, step: impl Fn(&mut Group, &mut Effects)) -> Effects {
        let mut ids: Vec<String> = self.by_id.keys().cloned().collect();
        ids.sort_unstable();
        let mut all = Effects::default();
        for id in ids {
            all.extend(self.with(&id, |group| {
                let mut effects = Effects::default();
                step(group, &mut effects);
                effects
            }));
        }
        all
    }
}

#[cfg(test)]
impl Groups {
    /// Lists the groups by id, for comparisons.
    pub(in crate::group) fn sorted(&self) -> std::collections::BTreeMap<&str, &Group> {
        self.by_id.iter().map(|(id, group)| (id.as_str(), group)).collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::group::event::{Commit, Event, Join, JoinAbilities};
    use crate::group::testing::*;

    /// Compares what a restart would bring with what is there.
    #[track_caller]
    fn check_replay(bench: &Bench) {
        let replayed = bench.replayed();
        let (replayed, live) = (replayed.sorted(), bench.groups.sorted());
        for (id, group) in &live {
            let Some(again) = replayed.get(id) else {
                assert!(!group.recorded && group.offsets.is_empty(), "{id} is lost");
                continue;
            };
            assert_eq!(again.offsets, group.offsets, "offsets of {id}");
            assert_eq!(again.recorded, group.recorded, "record of {id}");
            if matches!(group.state(), State::Empty | State::Stable) && group.recorded {
                assert_eq!(again.snapshot(), group.snapshot(), "state of {id}");
                assert_eq!(again.state(), group.state(), "state of {id}");
            } else {
                assert!(again.generation <= group.generation, "generation of {id}");
            }
        }
        for id in replayed.keys() {
            assert!(live.contains_key(id), "{id} comes back from the dead");
        }
    }

    fn random_join(random: &mut StdRng, fresh: &str, known: &[String]) -> Join {
        let mut request = match random.random_range(0..4) {
            0 => static_join(fresh, ["i", "j"][random.random_range(0..2)]),
            1 => Join { abilities: JoinAbilities::TwoSteps, ..join(fresh) },
            2 if !known.is_empty() => rejoin(&known[random.random_range(0..known.len())]),
            _ => join(fresh),
        };
        if random.random_bool(0.3) {
            request.protocols = protocols(&["sticky", "range"]);
        }
        request.rebalance_timeout_ms = [0, 500, 30_000][random.random_range(0..3)];
        request
    }

    fn random_event(random: &mut StdRng, bench: &Bench, group_id: &str, fresh: &str) -> Event {
        let groups = bench.groups.sorted();
        let group = groups.get(group_id);
        let mut known = group.map(|group| group.members.ids()).unwrap_or_default();
        known.extend(group.iter().flat_map(|group| group.members.pending.iter().cloned()));
        known.push("stranger".into());
        let someone = known[random.random_range(0..known.len())].clone();
        let generation = group.map_or(1, |group| group.generation);
        let generation = if random.random_bool(0.9) { generation } else { generation - 1 };
        match random.random_range(0..10) {
            0..=2 => Event::Join(random_join(random, fresh, &known)),
            3..=4 => {
                let leader = group.and_then(|group| group.members.leader()).unwrap_or("nobody");
                Event::Sync(sync(leader, generation, shares(&[(&someone, fresh)])))
            }
            5 => Event::Sync(sync(&someone, generation, shares(&[]))),
            6 => Event::Heartbeat { member: member(&someone, None), generation },
            7 => Event::Leave(vec![member(&someone, None)]),
            8 => Event::Commit(Commit {
                member: member(if random.random_bool(0.5) { "" } else { &someone }, None),
                generation: if random.random_bool(0.5) { -1 } else { generation },
                retention_ms: random.random_bool(0.2).then_some(1_000),
                offsets: vec![offset("t", random.random_range(0..3), random.random_range(0..99))],
            }),
            _ => Event::Delete,
        }
    }

    fn random_run(seed: u64) {
        let mut random = StdRng::seed_from_u64(seed);
        let mut bench = Bench::new();
        let mut tickets = Vec::new();
        for step in 0..400 {
            let group_id = ["g", "h"][random.random_range(0..2)];
            match random.random_range(0..40) {
                0..=7 => bench.advance(random.random_range(0..20_000)),
                8 => bench.expire_offsets(),
                9 => bench.drop_topic("t"),
                10 => {
                    bench.restart();
                    tickets.clear();
                }
                11 => bench.advance(2_000_000),
                _ => {
                    let event = random_event(&mut random, &bench, group_id, &format!("m{step}"));
                    tickets.push(bench.send_to(group_id, event));
                }
            }
            check_replay(&bench);
        }
        bench.advance(3_600_000);
        for ticket in tickets {
            assert!(bench.answer(ticket).is_some(), "{ticket:?} waits for ever");
        }
        for (id, group) in bench.groups.sorted() {
            assert_eq!(group.state(), State::Empty, "{id} has members that nobody heard of");
        }
        bench.advance(2_000_000);
        bench.expire_offsets();
        assert!(bench.groups.sorted().is_empty(), "unused groups stay");
        check_replay(&bench);
    }

    #[test]
    fn what_the_log_says_equals_what_is_there_after_any_events() {
        for seed in 0..300 {
            println!("seed {seed}");
            random_run(seed);
        }
    }
}
