------------------------------- MODULE Lives --------------------------------
(* Leases while a voter stands still, is replaced under its name, and goes   *)
(* on (E24). Leases rest on promises alone, so there are no terms and votes   *)
(* here: any process that has promised itself to itself may ask the others,   *)
(* which is more than an election would let it do. Time and messages are      *)
(* modelled as in Change.tla.                                                 *)
EXTENDS Integers, FiniteSets, TLC

CONSTANTS
    x,              \* the name that is replaced
    Others,         \* the names of the other voters, one life each
    Nobody,
    MaxLife,        \* lives of x
    L,              \* length of a promise, and of a lease, in ticks
    MaxFreezes,     \* how often a life of x stands still
    Floor,          \* E24 (a): an earlier life than the one established is refused
    Recheck,        \* E24 (b): after standing still for a lease, ask a quorum
    Confirm,        \* E24 (d): a later life takes part L after Need confirmed it
    Share,          \* acknowledgements tell which lives are established
    Drop,           \* who learns of a later life drops what earlier ones acknowledged
    Settle,         \* who was silent for a lease counts with what was acknowledged since
    Need,           \* how many other voters have to know a later life
    BootWait,       \* E9
    Assume          \* what is assumed of earlier lives: see Assumption

Names   == {x} \cup Others
Lives   == 1..MaxLife
Procs   == (Names \X {1}) \cup ({x} \X Lives)
Alike   == Permutations(Others)
Name(p) == p[1]
Life(p) == p[2]

VARIABLES
    state,          \* "none" before its start, "runs", "frozen" or "off"
    part,           \* it has taken part: its boot wait is over
    still,          \* for how many ticks it has been frozen
    unsure,         \* it stood still, and was not confirmed since: (b)
    floor,          \* the latest life of x that it has established
    promised, left, \* to whom it is bound, and for how many ticks more
    wait,           \* what is left of the boot wait
    acks,           \* by name: what is left of a lease from its acknowledgement
    settled,        \* names that x counts with, since it came back
    lease,          \* what is left of the lease that was counted
    freezes

vars == <<state, part, still, unsure, floor, promised, left, wait, acks, settled, lease, freezes>>

Max(i, j) == IF i > j THEN i ELSE j
Less(i)   == Max(i - 1, 0)
Quorum(S) == 2 * Cardinality(S) > Cardinality(Names)

Init ==
    /\ state = [p \in Procs |-> IF Life(p) = 1 THEN "runs" ELSE "none"]
    /\ part = [p \in Procs |-> Life(p) = 1]
    /\ still = [p \in Procs |-> 0]
    /\ unsure = [p \in Procs |-> FALSE]
    /\ floor = [p \in Procs |-> IF Name(p) = x THEN Life(p) ELSE 1]
    /\ promised = [p \in Procs |-> Nobody]
    /\ left = [p \in Procs |-> 0]
    /\ wait = [p \in Procs |-> 0]
    /\ acks = [p \in Procs |-> [n \in Names |-> 0]]
    /\ settled = [p \in Procs |-> Names]
    /\ lease = [p \in Procs |-> 0]
    /\ freezes = 0

-----------------------------------------------------------------------------
\* What q says counts with p. A later life counts once it is established.
Hears(p, q) == Floor /\ Name(q) = x => floor[p] = Life(q)

Acts(p) == state[p] = "runs" /\ part[p] /\ ~unsure[p]

\* Enough other voters have established this life of x, or a later one.
Known(life) == Cardinality({n \in Others : floor[<<n, 1>>] >= life}) >= Need

\* What is left of a lease with these acknowledgements (E3).
Left(ak) == CHOOSE i \in 0..L : /\ i = 0 \/ Quorum({n \in Names : ak[n] >= i})
                                /\ ~Quorum({n \in Names : ak[n] >= i + 1})

\* E2, E2', E3. p may be frozen: it asked before, and reads the answer when it
\* goes on. Its heartbeat is then at least as old as its standing still.
\* With Share the answer tells p of a later life of x, and what an earlier one
\* has acknowledged does not count for p any more. With Settle x, if it was silent
\* for a lease, counts with a quorum of acknowledgements that came after it.
Promise(v, p) ==
    /\ Acts(v)
    /\ \/ v = p
       \/ /\ Name(v) /= Name(p) /\ Hears(v, p) /\ Hears(p, v)
          /\ promised[p] = p /\ state[p] \in {"runs", "frozen"} /\ ~unsure[p]
    /\ promised[v] \in {Nobody, p}
    /\ promised' = [promised EXCEPT ![v] = p]
    /\ left' = [left EXCEPT ![v] = L]
    /\ LET later == Share /\ Name(p) /= x /\ floor[v] > floor[p]
           kept == IF later /\ Drop THEN [acks[p] EXCEPT ![x] = 0] ELSE acks[p]
           fresh == [kept EXCEPT ![Name(v)] = Max(@, L - still[p])]
           back == Settle /\ Name(v) = x /\ v /= p /\ acks[p][x] = 0
           since == IF back THEN {} ELSE settled[p] \cup {Name(v)}
           alone == Left([fresh EXCEPT ![x] = IF settled[p] = Names /\ ~back THEN @ ELSE 0])
           both == Left([n \in Names |-> IF n \in since THEN fresh[n] ELSE 0])
       IN /\ acks' = [acks EXCEPT ![p] = fresh]
          /\ settled' = [settled EXCEPT ![p] = IF Quorum(since) THEN Names ELSE since]
          /\ lease' = [lease EXCEPT ![p] = Max(@, Max(alone, both))]
          /\ floor' = IF later THEN [floor EXCEPT ![p] = floor[v]] ELSE floor
    /\ UNCHANGED <<state, part, still, unsure, wait, freezes>>

\* The leadership of p is over, and those who promised hear of it (E4).
Release(p) ==
    /\ lease' = [lease EXCEPT ![p] = 0]
    /\ acks' = [acks EXCEPT ![p] = [n \in Names |-> 0]]
    /\ promised' = [v \in Procs |-> IF promised[v] = p THEN Nobody ELSE promised[v]]
    /\ left' = [v \in Procs |-> IF promised[v] = p THEN 0 ELSE left[v]]

StepDown(p) ==
    /\ state[p] = "runs" /\ \E v \in Procs : promised[v] = p
    /\ Release(p)
    /\ UNCHANGED <<state, part, still, unsure, floor, wait, settled, freezes>>

-----------------------------------------------------------------------------
\* A dead process is one that is frozen and does not go on. Another name's is one
\* that does nothing, so only x is frozen.
Freeze(p) ==
    /\ Name(p) = x /\ state[p] = "runs" /\ freezes < MaxFreezes
    /\ state' = [state EXCEPT ![p] = "frozen"]
    /\ freezes' = freezes + 1
    /\ UNCHANGED <<part, still, unsure, floor, promised, left, wait, acks, settled, lease>>

Thaw(p) ==
    /\ state[p] = "frozen"
    /\ state' = [state EXCEPT ![p] = "runs"]
    /\ unsure' = [unsure EXCEPT ![p] = @ \/ (Recheck /\ still[p] = L)]
    /\ still' = [still EXCEPT ![p] = 0]
    /\ UNCHANGED <<part, floor, promised, left, wait, acks, settled, lease, freezes>>

\* The next life of x starts while the one before is frozen or dead. Promises are
\* on no disk, so with memory or without is the same here.
Replace(p) ==
    /\ Life(p) > 1 /\ state[p] = "none" /\ state[<<x, Life(p) - 1>>] \in {"frozen", "off"}
    /\ state' = [state EXCEPT ![p] = "runs"]
    /\ wait' = [wait EXCEPT ![p] = IF BootWait THEN L ELSE 0]
    /\ UNCHANGED <<part, still, unsure, floor, promised, left, acks, settled, lease, freezes>>

TakePart(p) ==
    /\ state[p] = "runs" /\ ~part[p] /\ wait[p] = 0
    /\ Confirm => Known(Life(p))
    /\ part' = [part EXCEPT ![p] = TRUE]
    /\ UNCHANGED <<state, still, unsure, floor, promised, left, wait, acks, settled, lease, freezes>>

\* v hears a later life while the one before is silent to it: frozen, dead, or
\* behind a cut. With Confirm that is before the life takes part, and its boot
\* wait begins again each time.
Establish(v, p) ==
    /\ Name(p) = x /\ Name(v) /= x
    /\ state[p] = "runs" /\ Life(p) > floor[v]
    /\ Confirm \/ part[p]
    /\ floor' = [floor EXCEPT ![v] = Life(p)]
    /\ acks' = [acks EXCEPT ![v][x] = IF Drop THEN 0 ELSE @]
    /\ wait' = [wait EXCEPT ![p] = IF Confirm /\ ~part[p] /\ BootWait THEN L ELSE @]
    /\ UNCHANGED <<state, part, still, unsure, promised, left, settled, lease, freezes>>

\* E24 (b)
Ask(p) ==
    /\ state[p] = "runs" /\ unsure[p]
    /\ Quorum({x} \cup {n \in Others : Floor => floor[<<n, 1>>] <= Life(p)})
    /\ unsure' = [unsure EXCEPT ![p] = FALSE]
    /\ UNCHANGED <<state, part, still, floor, promised, left, wait, acks, settled, lease, freezes>>

\* An earlier life hears `Superseded`, or one that has not taken part is told of
\* an earlier one that answers: it stops for good.
Stop(p) ==
    /\ Name(p) = x /\ state[p] = "runs"
    /\ \/ Floor /\ \E n \in Others : floor[<<n, 1>>] > Life(p)
       \/ ~part[p] /\ \E q \in Procs : Name(q) = x /\ Life(q) < Life(p) /\ state[q] = "runs"
    /\ state' = [state EXCEPT ![p] = "off"]
    /\ Release(p)
    /\ UNCHANGED <<part, still, unsure, floor, wait, settled, freezes>>

Tick ==
    /\ promised' = [p \in Procs |-> IF left[p] <= 1 THEN Nobody ELSE promised[p]]
    /\ left' = [p \in Procs |-> Less(left[p])]
    /\ wait' = [p \in Procs |-> Less(wait[p])]
    /\ acks' = [p \in Procs |-> [n \in Names |-> Less(acks[p][n])]]
    /\ lease' = [p \in Procs |-> Less(lease[p])]
    /\ still' = [p \in Procs |-> IF state[p] = "frozen" /\ still[p] < L
                                 THEN still[p] + 1 ELSE still[p]]
    /\ UNCHANGED <<state, part, unsure, floor, settled, freezes>>

\* What is assumed in every state: a life that runs although a later one of its
\* name has begun ("begun"), or has taken part ("part"), runs where enough others
\* have established the later one.
Assumption ==
    \A p, q \in Procs :
        /\ Name(p) = x /\ Name(q) = x /\ Life(p) < Life(q) /\ state[p] = "runs"
        /\ CASE Assume = "begun" -> state[q] \in {"runs", "frozen"}
             [] Assume = "part"  -> part[q]
             [] OTHER            -> FALSE
        => Known(Life(q))

\* Lives.cfg leaves out the steps that do not lead to such a state.
Assumed == Assumption'

Next ==
    \/ Tick
    \/ \E p \in Procs :
        \/ StepDown(p) \/ Freeze(p) \/ Thaw(p) \/ Replace(p) \/ TakePart(p)
        \/ Ask(p) \/ Stop(p)
        \/ \E v \in Procs : Promise(v, p) \/ Establish(v, p)

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
LeaseExclusive == Cardinality({p \in Procs : lease[p] > 0}) <= 1
=============================================================================
