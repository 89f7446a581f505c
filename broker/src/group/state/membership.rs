//! The members of a group: who is in, who leads, who waits, and which protocol they choose.
//!
//! Invariants: the leader is a member; the counts of waiting members and of the speakers of a
//! protocol agree with the members; an instance id belongs to one member.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;

use super::member::Member;
use crate::group::event::{Join, JoinedMember, Protocol, Ticket};

/// The members of one group, by member id.
#[derive(Debug, Clone, Default)]
pub(in crate::group) struct Membership {
    members: BTreeMap<String, Member>,
    by_instance: HashMap<String, String>,
    speakers: HashMap<String, usize>,
    joining: usize,
    leader: Option<String>,
    /// Ids given to members that have not joined with them yet.
    pub(in crate::group) pending: BTreeSet<String>,
    /// Members of the current generation that have not asked for their assignment yet.
    pub(in crate::group) unsynced: BTreeSet<String>,
}

impl Membership {
    pub(in crate::group) fn len(&self) -> usize {
        self.members.len()
    }

    pub(in crate::group) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(in crate::group) fn contains(&self, id: &str) -> bool {
        self.members.contains_key(id)
    }

    pub(in crate::group) fn get(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    pub(in crate::group) fn iter(&self) -> impl Iterator<Item = (&String, &Member)> {
        self.members.iter()
    }

    pub(in crate::group) fn ids(&self) -> Vec<String> {
        self.members.keys().cloned().collect()
    }

    pub(in crate::group) fn leader(&self) -> Option<&str> {
        self.leader.as_deref()
    }

    pub(in crate::group) fn is_leader(&self, id: &str) -> bool {
        self.leader.as_deref() == Some(id)
    }

    /// Returns the id of the member that holds `instance_id`.
    pub(in crate::group) fn holder(&self, instance_id: &str) -> Option<&str> {
        self.by_instance.get(instance_id).map(String::as_str)
    }

    pub(in crate::group) const fn joining(&self) -> usize {
        self.joining
    }

    pub(in crate::group) fn all_joined(&self) -> bool {
        self.joining == self.members.len() && self.pending.is_empty()
    }

    /// Returns the longest time that a member may take to join again.
    pub(in crate::group) fn rebalance_timeout(&self) -> u64 {
        self.members.values().map(Member::rebalance_timeout).max().unwrap_or(0)
    }

    /// Adds a member, or puts one back as it was recorded. The first one leads.
    pub(in crate::group) fn insert(&mut self, id: String, member: Member) {
        self.pending.remove(&id);
        self.count_speakers(&member.protocols);
        if let Some(instance_id) = &member.instance_id {
            self.by_instance.insert(instance_id.clone(), id.clone());
        }
        if self.leader.is_none() {
            self.leader = Some(id.clone());
        }
        self.joining += usize::from(member.joining.is_some());
        self.members.insert(id, member);
    }

    /// Takes a member out; if it led, another one does.
    pub(in crate::group) fn remove(&mut self, id: &str) -> Option<Member> {
        self.unsynced.remove(id);
        let member = self.members.remove(id)?;
        self.forget_speakers(&member.protocols);
        if let Some(instance_id) = &member.instance_id {
            self.by_instance.remove(instance_id);
        }
        self.joining -= usize::from(member.joining.is_some());
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        Some(member)
    }

    /// Gives the place of a static member to a newer process with the same instance id.
    ///
    /// Returns the requests that the old one had open.
    pub(in crate::group) fn replace(&mut self, old_id: &str, new_id: &str) -> Option<Replaced> {
        let led = self.is_leader(old_id);
        let was_unsynced = self.unsynced.contains(old_id);
        let mut member = self.remove(old_id)?;
        let replaced = Replaced { joining: member.joining.take(), syncing: member.syncing.take() };
        self.insert(new_id.to_owned(), member);
        if led {
            self.leader = Some(new_id.to_owned());
        }
        if was_unsynced {
            self.unsynced.insert(new_id.to_owned());
        }
        Some(replaced)
    }

    pub(in crate::group) fn set_leader(&mut self, leader: Option<String>) {
        self.leader = leader.filter(|id| self.members.contains_key(id));
    }

    /// Takes over what a member says when it joins again.
    pub(in crate::group) fn update(&mut self, id: &str, join: &Join) {
        let Some(mut member) = self.members.remove(id) else { return };
        self.forget_speakers(&member.protocols);
        self.count_speakers(&join.protocols);
        member.protocols.clone_from(&join.protocols);
        member.session_timeout_ms = join.session_timeout_ms;
        member.rebalance_timeout_ms = join.rebalance_timeout_ms;
        self.members.insert(id.to_owned(), member);
    }

    /// Notes the request of a member that waits for the next generation; returns the one before.
    pub(in crate::group) fn wait_for_join(&mut self, id: &str, ticket: Ticket) -> Option<Ticket> {
        let member = self.members.get_mut(id)?;
        let before = member.joining.replace(ticket);
        self.joining += usize::from(before.is_none());
        before
    }

    /// Takes the request of a member that waits for the next generation.
    pub(in crate::group) fn take_join(&mut self, id: &str) -> Option<Ticket> {
        let ticket = self.members.get_mut(id)?.joining.take();
        self.joining -= usize::from(ticket.is_some());
        ticket
    }

    /// Notes the request of a member that waits for its assignment; returns the one before.
    pub(in crate::group) fn wait_for_sync(&mut self, id: &str, ticket: Ticket) -> Option<Ticket> {
        self.members.get_mut(id)?.syncing.replace(ticket)
    }

    /// Takes the request of a member that waits for its assignment.
    pub(in crate::group) fn take_sync(&mut self, id: &str) -> Option<Ticket> {
        self.members.get_mut(id)?.syncing.take()
    }

    /// Gives each member its assignment; those that `assignments` leaves out get none.
    pub(in crate::group) fn assign(&mut self, assignments: &HashMap<String, Bytes>) {
        for (id, member) in &mut self.members {
            member.assignment = assignments.get(id).cloned().unwrap_or_default();
        }
    }

    pub(in crate::group) fn settle(&mut self, id: &str) {
        if let Some(member) = self.members.get_mut(id) {
            member.is_new = false;
        }
    }

    /// Lists the members without `group.instance.id` that have not joined again.
    pub(in crate::group) fn missing_dynamic(&self) -> Vec<String> {
        let missing = |member: &Member| member.joining.is_none() && member.instance_id.is_none();
        let all = self.members.iter();
        all.filter(|(_, member)| missing(member)).map(|(id, _)| id.clone()).collect()
    }

    /// Keeps the leader if it has joined, else takes a member that has; false if none has.
    pub(in crate::group) fn elect_joined_leader(&mut self) -> bool {
        let joined = |member: &Member| member.joining.is_some();
        if self.leader().and_then(|id| self.get(id)).is_some_and(joined) {
            return true;
        }
        let Some((id, _)) = self.members.iter().find(|(_, member)| joined(member)) else {
            return false;
        };
        self.leader = Some(id.clone());
        true
    }

    /// Tells whether all members speak at least one of `protocols`.
    pub(in crate::group) fn share_one_of(&self, protocols: &[Protocol]) -> bool {
        protocols.iter().any(|protocol| self.all_speak(&protocol.name))
    }

    /// Chooses a protocol that all members speak: each votes for the first such of its list.
    ///
    /// Of protocols with the same number of votes the leader's preference decides.
    pub(in crate::group) fn choose_protocol(&self) -> Option<String> {
        let mut votes: HashMap<&str, usize> = HashMap::new();
        for member in self.members.values() {
            let vote = member.protocols.iter().find(|protocol| self.all_speak(&protocol.name));
            if let Some(protocol) = vote {
                *votes.entry(&protocol.name).or_default() += 1;
            }
        }
        let most = votes.values().max()?;
        let leader = self.get(self.leader()?)?;
        let mut preferences = leader.protocols.iter().map(|protocol| protocol.name.as_str());
        preferences.find(|name| votes.get(name) == Some(most)).map(str::to_owned).or_else(|| {
            let mut tied: Vec<_> = votes.iter().filter(|(_, count)| *count == most).collect();
            tied.sort();
            tied.first().map(|(name, _)| (**name).to_owned())
        })
    }

    /// Lists all members for the leader.
    pub(in crate::group) fn listing(&self, protocol: &str) -> Vec<JoinedMember> {
        let joined = |(id, member): (&String, &Member)| JoinedMember {
            member_id: id.clone(),
            instance_id: member.instance_id.clone(),
            metadata: member.metadata(protocol),
        };
        self.members.iter().map(joined).collect()
    }

    /// Returns how many bytes the members put into the group's record, without their assignments.
    pub(in crate::group) fn state_bytes(&self, protocol: &str) -> usize {
        let size = |(id, member): (&String, &Member)| {
            let texts = id.len() + member.client.id.len() + member.client.host.len();
            texts + member.metadata(protocol).len() + member.assignment.len() + 64
        };
        self.members.iter().map(size).sum()
    }

    fn all_speak(&self, protocol: &str) -> bool {
        self.speakers.get(protocol).copied().unwrap_or(0) == self.members.len()
    }

    fn count_speakers(&mut self, protocols: &[Protocol]) {
        for name in distinct(protocols) {
            *self.speakers.entry(name.to_owned()).or_default() += 1;
        }
    }

    fn forget_speakers(&mut self, protocols: &[Protocol]) {
        for name in distinct(protocols) {
            if let Some(count) = self.speakers.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    self.speakers.remove(name);
                }
            }
        }
    }
}

/// The requests that a replaced member had open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::group) struct Replaced {
    pub(in crate::group) joining: Option<Ticket>,
    pub(in crate::group) syncing: Option<Ticket>,
}

fn distinct(protocols: &[Protocol]) -> BTreeSet<&str> {
    protocols.iter().map(|protocol| protocol.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::event::{Client, JoinAbilities};

    fn join(protocols: &[&str], instance_id: Option<&str>) -> Join {
        let protocol = |name: &&str| Protocol { name: (*name).into(), metadata: Bytes::new() };
        Join {
            member_id: String::new(),
            fresh_member_id: String::new(),
            instance_id: instance_id.map(str::to_owned),
            client: Client::default(),
            session_timeout_ms: 1,
            rebalance_timeout_ms: 1,
            protocol_type: "consumer".into(),
            protocols: protocols.iter().map(protocol).collect(),
            abilities: JoinAbilities::Basic,
        }
    }

    #[track_caller]
    fn check_choice(members: &[&[&str]], expected: Option<&str>) {
        let mut membership = Membership::default();
        for (index, protocols) in members.iter().enumerate() {
            membership.insert(format!("m{index}"), Member::new(join(protocols, None)));
        }
        assert_eq!(membership.choose_protocol().as_deref(), expected);
    }

    #[test]
    fn protocol_with_most_votes_is_chosen() {
        check_choice(
            &[&["range", "sticky"], &["sticky", "range"], &["sticky", "range"]],
            Some("sticky"),
        );
    }

    #[test]
    fn only_protocols_that_all_speak_get_votes() {
        check_choice(&[&["sticky", "range"], &["sticky", "range"], &["range"]], Some("range"));
        check_choice(&[&["sticky"], &["range"]], None);
    }

    #[test]
    fn the_leader_decides_between_equal_votes() {
        check_choice(&[&["b", "a"], &["a", "b"]], Some("b"));
        check_choice(&[&["a", "b"], &["b", "a"]], Some("a"));
    }

    #[test]
    fn a_protocol_named_twice_counts_once() {
        check_choice(&[&["a", "a"], &["b", "a"]], Some("a"));
        let mut membership = Membership::default();
        membership.insert("m".into(), Member::new(join(&["a", "a"], None)));
        membership.remove("m");
        assert!(membership.speakers.is_empty());
    }

    #[test]
    fn leadership_passes_on_when_the_leader_leaves() {
        let mut membership = Membership::default();
        membership.insert("b".into(), Member::new(join(&["a"], None)));
        membership.insert("a".into(), Member::new(join(&["a"], None)));
        assert_eq!(membership.leader(), Some("b"));
        membership.remove("b");
        assert_eq!(membership.leader(), Some("a"));
        membership.remove("a");
        assert_eq!(membership.leader(), None);
    }

    #[test]
    fn replacing_a_static_member_keeps_leadership_and_hands_back_open_requests() {
        let mut membership = Membership::default();
        membership.insert("old".into(), Member::new(join(&["a"], Some("i"))));
        membership.insert("aaa".into(), Member::new(join(&["a"], None)));
        membership.wait_for_join("old", Ticket(7));
        let replaced = membership.replace("old", "new");
        assert_eq!(replaced, Some(Replaced { joining: Some(Ticket(7)), syncing: None }));
        assert_eq!(membership.leader(), Some("new"));
        assert_eq!(membership.holder("i"), Some("new"));
        assert_eq!(membership.joining(), 0);
    }
}
