//! The state that a search begins with: a run in which everybody is in time and everything arrives.

use qcluster_core::Span;

use super::super::change::Stage;
use super::super::history::less;
use super::super::locals::{Input, Locals};
use super::super::world::Start;
use super::{FIRST_STAMP, State, VOTERS};

impl State {
    /// The state that a search begins with.
    ///
    /// # Errors
    /// The world is none, or even its beginning breaks a rule.
    pub(in super::super) fn first(locals: &mut Locals) -> Result<Self, String> {
        let unborn = locals.unborn();
        let mut state = Self {
            locals: [unborn; VOTERS],
            messages: Vec::new(),
            crashes: 0,
            commands: 0,
            token: 0,
            top: FIRST_STAMP,
            established: false,
        };
        // Cuts come later.
        let reach = std::mem::take(&mut locals.world.reach);
        state.begin(locals)?;
        let change = locals.world.change.clone();
        for stage in [Stage::Both, Stage::New] {
            let there = |voter: &usize| change.as_ref().is_some_and(|change| change.first(*voter) >= stage);
            let voters: Vec<usize> = (0..locals.world.voters).filter(there).collect();
            if !voters.is_empty() {
                state.advance(&voters, stage, locals)?;
            }
        }
        state.messages.clear();
        locals.world.reach = reach;
        Ok(state)
    }

    /// The voters of the old list start, those that are dead in the first state die, and the first of the others leads.
    fn begin(&mut self, locals: &mut Locals) -> Result<(), String> {
        // The slower a clock, the longer the boot wait: so the earlier the start, and all are ready at one moment.
        let wait = |voter: usize| locals.world.until_clock(voter, locals.world.max_lease());
        let voters = (0..locals.world.voters).filter(|voter| locals.world.votes(*voter, Stage::Old));
        let mut starts: Vec<(Span, usize)> = voters.map(|voter| (wait(voter), voter)).collect();
        starts.sort_by(|a, b| b.cmp(a));
        for (at, (wait, voter)) in starts.iter().enumerate() {
            self.start(*voter, Stage::Old, locals)?;
            let next = starts.get(at + 1).map_or(Span::ZERO, |(next, _)| *next);
            self.pass(less(*wait, next), locals)?;
        }
        self.finish_writes(locals)?;
        // Who counts by a clock that is slower than is believed has not been among others for long enough yet.
        let boots = |state: &Self, locals: &Locals| {
            starts.iter().any(|(_, voter)| locals.get(state.locals[*voter]).is_booting())
        };
        let mut moments = 0;
        while boots(self, locals) {
            moments += 1;
            if moments > Self::MOMENTS_MAX {
                return Err("somebody never takes part".into());
            }
            self.pass(self.next_moment(locals).unwrap_or_default(), locals)?;
        }
        for voter in locals.world.change.as_ref().map(|change| change.dead).unwrap_or_default().iter() {
            self.end(voter, locals);
        }
        if locals.world.start == Start::Asked {
            for (_, voter) in &starts {
                self.fire(*voter, locals)?;
            }
            self.finish_writes(locals)?;
        }
        if locals.world.start == Start::Led {
            let living = |voter: &usize| locals.get(self.locals[*voter]).node.is_some();
            let first = (0..locals.world.voters).find(living).unwrap_or(0);
            self.fire(first, locals)?;
            self.calm_down(locals)?;
        }
        Ok(())
    }

    /// Those voters are restarted into the next step of a change, and one of all leads again where that is how the search begins.
    fn advance(&mut self, voters: &[usize], stage: Stage, locals: &mut Locals) -> Result<(), String> {
        for voter in voters {
            self.start(*voter, stage, locals)?;
        }
        for _ in 0..Self::MOMENTS_MAX {
            let boots = voters.iter().any(|voter| locals.get(self.locals[*voter]).is_booting());
            if !boots && locals.world.start == Start::Fresh {
                return Ok(());
            }
            self.calm_down(locals)?;
            if !boots && voters.iter().any(|voter| locals.get(self.locals[*voter]).lease().is_some()) {
                return Ok(());
            }
            let due = |voter: &usize| locals.get(self.locals[*voter]).is_due();
            match (0..locals.world.voters).rev().find(due) {
                Some(voter) => self.fire(voter, locals)?,
                None => self.pass(self.next_moment(locals).unwrap_or_default(), locals)?,
            }
        }
        Err(format!("nobody comes to lead with {}", stage.file()))
    }

    /// How many moments are enough for an election.
    const MOMENTS_MAX: usize = 1_000;

    /// Everything arrives, in order, until nobody has anything more to say.
    fn calm_down(&mut self, locals: &mut Locals) -> Result<(), String> {
        loop {
            self.finish_writes(locals)?;
            if self.messages.is_empty() {
                return Ok(());
            }
            let message = self.messages.remove(0);
            let to = usize::from(locals.message(message).to);
            self.step(to, Input::Message(message), locals)?;
        }
    }

    fn finish_writes(&mut self, locals: &mut Locals) -> Result<(), String> {
        for voter in 0..locals.world.voters {
            while locals.get(self.locals[voter]).writing.is_some() {
                self.step(voter, Input::Written, locals)?;
            }
        }
        Ok(())
    }
}
