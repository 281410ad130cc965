//! Two changes of one member that follow one another.

use super::{CrowdRule, Seen};
use qcluster_core::MemberEvent;

pub(super) fn check(before: Option<Seen>, now: Seen) -> Result<(), (CrowdRule, String)> {
    let Some(before) = before else {
        let first = now.what == MemberEvent::Joined;
        return first.then_some(()).ok_or((CrowdRule::ChangesGiveTheTable, format!("{now:?} comes first")));
    };
    if now.standing < before.standing {
        return Err((CrowdRule::StandingsGrow, format!("{now:?} after {before:?}")));
    }
    if !before.is_there() && now.is_there() && now.standing == before.standing {
        return Err((CrowdRule::DeadStayDead, format!("{now:?} after {before:?}")));
    }
    let follows = match now.what {
        MemberEvent::Joined => !before.is_there(),
        MemberEvent::Changed | MemberEvent::Down | MemberEvent::Left => before.is_there(),
    };
    follows.then_some(()).ok_or((CrowdRule::ChangesGiveTheTable, format!("{now:?} after {before:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use qcluster_core::{Incarnation, Standing};

    fn seen(what: MemberEvent, refutation: u32) -> Seen {
        Seen { what, standing: Standing { incarnation: Incarnation(7), refutation } }
    }

    #[test]
    fn each_rule_can_be_broken() {
        use MemberEvent::{Changed, Down, Joined};
        let rule = |before, now| check(before, now).err().map(|(rule, _)| rule);
        assert_eq!(rule(None, seen(Joined, 0)), None);
        assert_eq!(rule(Some(seen(Joined, 0)), seen(Down, 0)), None);
        assert_eq!(rule(Some(seen(Down, 0)), seen(Joined, 1)), None);
        assert_eq!(rule(None, seen(Down, 0)), Some(CrowdRule::ChangesGiveTheTable));
        assert_eq!(rule(Some(seen(Down, 0)), seen(Joined, 0)), Some(CrowdRule::DeadStayDead));
        assert_eq!(rule(Some(seen(Joined, 1)), seen(Changed, 0)), Some(CrowdRule::StandingsGrow));
        assert_eq!(rule(Some(seen(Joined, 0)), seen(Joined, 1)), Some(CrowdRule::ChangesGiveTheTable));
        assert_eq!(rule(Some(seen(Down, 0)), seen(Down, 1)), Some(CrowdRule::ChangesGiveTheTable));
    }
}
