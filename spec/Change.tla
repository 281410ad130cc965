------------------------------- MODULE Change -------------------------------
(* Leases while the voters change from Old to New (E1-E9, E12, E20), with    *)
(* hosts that die, forget, and return with an old file at any time.          *)
(*                                                                           *)
(* Time is counted in ticks, and only what is left of a time is stored, so   *)
(* runs are not bounded in time. A message is not stored: what it would ask  *)
(* for is asked for as long as its sender is what it was when it sent. What  *)
(* this leaves out, and why nothing is lost by it, is in README.md.          *)
EXTENDS Integers, FiniteSets, TLC

CONSTANTS
    a, b, c, d,     \* hosts: a leaves, d comes, b and c stay
    Nobody,
    L,              \* length of a promise, and of a lease, in ticks
    MaxTerm,        \* no campaign above this term
    MaxCrashes,     \* restarts beyond those that take the next step
    MaxDelay,       \* a heartbeat is up to this many ticks old when it arrives
    RuleA,          \* E20 (a): a joint voter does nothing for an old-only node
    RuleB,          \* E20 (b): in the old list, only joint voters count
    RuleC,          \* E20 (c): no host goes back to a lower file
    OperatorRule,   \* the last step only after a joint leader was established
    BootWait        \* E9

Hosts == {a, b, c, d}
Old   == {a, b, c}
New   == {b, c, d}
Twins == Permutations({b, c})

OldOnly == 0
Joint   == 1
NewOnly == 2
Files(h) == CASE h = a -> {OldOnly, Joint}
              [] h = d -> {Joint, NewOnly}
              [] OTHER -> {OldOnly, Joint, NewOnly}

VARIABLES
    file,           \* the step that the host's configuration names
    term,           \* heartbeats of lower terms are refused
    voted,          \* votes only in terms above: its last vote, or its stamp (E12)
    promised, left, \* to whom it is bound, and for how many ticks more
    wait,           \* what is left of the boot wait
    role, clock,    \* and when a candidacy without a lease ends (E7)
    votes,          \* for a candidate, by list: who voted for it
    acks,           \* for an elected node, by list and voter: ticks of lease left
    established,    \* a joint leader was activated
    highest,        \* the highest term that was ever used (E12 stamps lie there)
    token,          \* the highest term that was ever activated
    fell,           \* a token was activated that was not the highest so far
    crashes

vars == <<file, term, voted, promised, left, wait, role, clock, votes, acks,
          established, highest, token, fell, crashes>>

Max(x, y) == IF x > y THEN x ELSE y
Min(x, y) == IF x < y THEN x ELSE y
Less(x)   == Max(x - 1, 0)

Lists == {"old", "new"}
Voters(list) == IF list = "old" THEN Old ELSE New
Quorum(list, S) == 2 * Cardinality(S \cap Voters(list)) > Cardinality(Voters(list))

\* The lists of which a node with this file needs a quorum.
Needed(f) == CASE f = OldOnly -> {"old"}
               [] f = Joint   -> {"old", "new"}
               [] f = NewOnly -> {"new"}

\* Whether what v says, with the file that it has now, counts for h in this list.
Counts(v, h, list) ==
    /\ list \in Needed(file[h])
    /\ v \in Voters(list)
    /\ RuleB /\ file[h] = Joint => IF list = "old" THEN file[v] = Joint
                                                   ELSE file[v] >= Joint

\* Old-only and new-only nodes share no digest (E14). The rest is E20 (a).
Serves(v, h) ==
    /\ {file[v], file[h]} /= {OldOnly, NewOnly}
    /\ RuleA => ~(file[v] = Joint /\ file[h] = OldOnly)
    /\ \E list \in Lists : Counts(v, h, list)

NoVotes == [x \in Lists |-> {}]
NoAcks  == [x \in Lists |-> [v \in Hosts |-> 0]]

Init ==
    /\ file = [h \in Hosts |-> IF h = d THEN Joint ELSE OldOnly]
    /\ term = [h \in Hosts |-> 0]
    /\ voted = [h \in Hosts |-> 0]
    /\ promised = [h \in Hosts |-> Nobody]
    /\ left = [h \in Hosts |-> 0]
    /\ wait = [h \in Hosts |-> 0]
    /\ role = [h \in Hosts |-> "follower"]
    /\ clock = [h \in Hosts |-> 0]
    /\ votes = [h \in Hosts |-> NoVotes]
    /\ acks = [h \in Hosts |-> NoAcks]
    /\ established = FALSE
    /\ highest = 0
    /\ token = 0
    /\ fell = FALSE
    /\ crashes = 0

-----------------------------------------------------------------------------
\* A lease has a quorum of promises in each list that is needed (E3, E20).
Covered(h, ak) == \A list \in Needed(file[h]) :
                      Quorum(list, {v \in Hosts : ak[h][list][v] > 0})
HoldsLease(h) == role[h] = "leader" /\ Covered(h, acks)

\* What ends when the candidacies and leaderships of the hosts in S are over.
\* Promises to them end at once: a release (E4) or a will may be that fast, and
\* a promise to a leadership that is over only keeps its giver from acting.
End(S, pr, lf, ak) ==
    /\ votes' = [h \in Hosts |-> IF h \in S THEN NoVotes ELSE votes[h]]
    /\ acks' = [h \in Hosts |-> IF h \in S THEN NoAcks ELSE ak[h]]
    /\ promised' = [v \in Hosts |-> IF pr[v] \in S THEN Nobody ELSE pr[v]]
    /\ left' = [v \in Hosts |-> IF pr[v] \in S THEN 0 ELSE lf[v]]

Campaign(h, t) ==
    /\ wait[h] = 0 /\ role[h] = "follower" /\ left[h] = 0
    /\ t > term[h] /\ t > voted[h]
    /\ term' = [term EXCEPT ![h] = t]
    /\ voted' = [voted EXCEPT ![h] = t]
    /\ role' = [role EXCEPT ![h] = "candidate"]
    /\ clock' = [clock EXCEPT ![h] = L]
    /\ votes' = [votes EXCEPT ![h] =
                    [x \in Lists |-> IF Counts(h, h, x) THEN {h} ELSE {}]]
    /\ highest' = Max(highest, t)
    /\ UNCHANGED <<file, promised, left, wait, acks, established, token, fell, crashes>>

\* E6. Nobody who leads votes, and a promise to another binds.
Vote(v, h) ==
    /\ v /= h /\ wait[v] = 0 /\ Serves(v, h)
    /\ role[h] = "candidate" /\ role[v] \in {"follower", "candidate"}
    /\ promised[v] \in {Nobody, h}
    /\ term[h] > voted[v] /\ term[h] >= term[v]
    /\ term' = [term EXCEPT ![v] = term[h]]
    /\ voted' = [voted EXCEPT ![v] = term[h]]
    /\ LET has == [x \in Lists |-> IF Counts(v, h, x) THEN votes[h][x] \cup {v}
                                                     ELSE votes[h][x]]
           won == \A x \in Needed(file[h]) : Quorum(x, has[x])
       IN /\ votes' = [votes EXCEPT ![v] = NoVotes, ![h] = IF won THEN NoVotes ELSE has]
          /\ role' = [role EXCEPT ![v] = "follower",
                                 ![h] = IF won THEN "elected" ELSE @]
    /\ clock' = [clock EXCEPT ![v] = 0]
    /\ UNCHANGED <<file, promised, left, wait, acks, established, highest, token,
                   fell, crashes>>

\* E2, E2', E3: a heartbeat that is `old` ticks old arrives at v, which is bound
\* for L from now; h counts from when it sent.
Promise(v, h, old) ==
    /\ role[h] \in {"elected", "leader"} /\ wait[v] = 0 /\ (v = h \/ Serves(v, h))
    /\ v = h => old = 0
    /\ term[h] >= term[v]
    /\ v /= h => role[v] = "follower" \/ term[h] > term[v]
    /\ promised[v] \in {Nobody, h}
    /\ LET ends == IF v /= h /\ role[v] /= "follower" THEN {v} ELSE {}
           fresh == [x \in Lists |-> IF Counts(v, h, x)
                                     THEN [acks[h][x] EXCEPT ![v] = Max(@, L - old)]
                                     ELSE acks[h][x]]
           first == role[h] = "elected" /\ Covered(h, [acks EXCEPT ![h] = fresh])
       IN /\ End(ends, [promised EXCEPT ![v] = h], [left EXCEPT ![v] = L],
                 [acks EXCEPT ![h] = fresh])
          /\ role' = [g \in Hosts |-> IF g \in ends THEN "follower"
                                     ELSE IF g = h /\ first THEN "leader" ELSE role[g]]
          /\ clock' = [g \in Hosts |-> IF g \in ends \/ (g = h /\ first) THEN 0
                                                                     ELSE clock[g]]
          /\ established' = (established \/ (first /\ file[h] = Joint))
          /\ fell' = (fell \/ (first /\ term[h] <= token))
          /\ token' = IF first THEN Max(token, term[h]) ELSE token
    /\ term' = [term EXCEPT ![v] = term[h]]
    /\ UNCHANGED <<file, voted, wait, highest, crashes>>

\* E4, E10: for whatever reason, such as answers that it missed.
StepDown(h) ==
    /\ role[h] /= "follower"
    /\ role' = [role EXCEPT ![h] = "follower"]
    /\ clock' = [clock EXCEPT ![h] = 0]
    /\ End({h}, promised, left, acks)
    /\ UNCHANGED <<file, term, voted, wait, established, highest, token, fell, crashes>>

\* A process ends and the next one starts, with a file and with or without
\* memory. A host that is dead for a while is one that does nothing for a while.
\* What memory keeps is what was saved: the last vote, not a term that was only
\* heard of. Without it the stamp is above all terms so far (E12).
Restart(h, f, memory) ==
    /\ RuleC => f >= file[h]
    /\ OperatorRule /\ f = NewOnly /\ file[h] /= NewOnly => established
    /\ LET cost == IF memory /\ f > file[h] THEN 0 ELSE 1
       IN crashes + cost <= MaxCrashes /\ crashes' = crashes + cost
    /\ file' = [file EXCEPT ![h] = f]
    /\ term' = [term EXCEPT ![h] = IF memory THEN Min(@, voted[h]) ELSE 0]
    /\ voted' = [voted EXCEPT ![h] = IF memory THEN @ ELSE highest]
    /\ wait' = [wait EXCEPT ![h] = IF BootWait THEN L ELSE 0]
    /\ role' = [role EXCEPT ![h] = "follower"]
    /\ clock' = [clock EXCEPT ![h] = 0]
    /\ End({h}, [promised EXCEPT ![h] = Nobody], [left EXCEPT ![h] = 0], acks)
    /\ UNCHANGED <<established, highest, token, fell>>

\* A tick ends what has no time left, leaderships without a lease among it (E4, E7).
Tick ==
    LET ak == [h \in Hosts |-> [x \in Lists |-> [v \in Hosts |-> Less(acks[h][x][v])]]]
        over == {h \in Hosts : \/ role[h] = "leader" /\ ~Covered(h, ak)
                               \/ role[h] \in {"candidate", "elected"} /\ clock[h] = 1}
        bound == [v \in Hosts |-> IF left[v] <= 1 THEN Nobody ELSE promised[v]]
    IN /\ role' = [h \in Hosts |-> IF h \in over THEN "follower" ELSE role[h]]
       /\ clock' = [h \in Hosts |-> Less(clock[h])]
       /\ wait' = [h \in Hosts |-> Less(wait[h])]
       /\ End(over, bound, [v \in Hosts |-> Less(left[v])], ak)
       /\ UNCHANGED <<file, term, voted, established, highest, token, fell, crashes>>

Next ==
    \/ Tick
    \/ \E h \in Hosts :
        \/ \E t \in 1..MaxTerm : Campaign(h, t)
        \/ StepDown(h)
        \/ \E f \in Files(h), memory \in BOOLEAN : Restart(h, f, memory)
        \/ \E v \in Hosts : Vote(v, h) \/ \E old \in 0..MaxDelay : Promise(v, h, old)

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
LeaseExclusive   == Cardinality({h \in Hosts : HoldsLease(h)}) <= 1
OneLeaderPerTerm == \A g, h \in Hosts : g /= h /\ role[g] = "leader" /\ role[h] = "leader"
                                        => term[g] /= term[h]
TokenGrows       == ~fell

\* What a lease rests on: a live promise of each voter that it counts, or a boot wait.
LeaseRestsOnPromises ==
    \A h, v \in Hosts, x \in Lists :
        acks[h][x][v] > 0 => \/ promised[v] = h /\ left[v] >= acks[h][x][v]
                             \/ wait[v] >= acks[h][x][v]
=============================================================================
