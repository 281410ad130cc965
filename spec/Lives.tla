------------------------------- MODULE Lives --------------------------------
(* Leases while a voter stands still, is replaced under its name, and goes on *)
(* (E24). The voters stay the same here; see Change.tla for the rest and for  *)
(* how time and messages are modelled.                                        *)
EXTENDS Integers, FiniteSets, TLC

CONSTANTS
    x,              \* the name that is replaced
    Others,         \* the names of the other voters
    Nobody,
    MaxLife,        \* lives of x; each other name has one
    L,              \* length of a promise, and of a lease, in ticks
    MaxTerm,        \* no campaign above this term
    MaxFreezes,     \* how often a life of x stands still
    Floor,          \* E24 (a): an earlier life than the one established is refused
    Recheck,        \* E24 (b): after standing still for a lease, ask a quorum
    Confirm,        \* E24 (d): a later life takes part L after Need confirmed it
    Share,          \* votes and acknowledgements tell what lives are established
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
    unsure,         \* it stood still, and nobody has confirmed it since: (b)
    floor,          \* by name: the latest life that it has established
    term, voted, promised, left, wait, role, clock, votes, acks,
    lease,          \* what is left of the lease that was counted
    highest, token, fell, freezes

vars == <<state, part, still, unsure, floor, term, voted, promised, left, wait, role,
          clock, votes, acks, lease, highest, token, fell, freezes>>

Max(i, j) == IF i > j THEN i ELSE j
Less(i)   == Max(i - 1, 0)
Quorum(S) == 2 * Cardinality(S) > Cardinality(Names)
NoAcks    == [n \in Names |-> 0]

Init ==
    /\ state = [p \in Procs |-> IF Life(p) = 1 THEN "runs" ELSE "none"]
    /\ part = [p \in Procs |-> Life(p) = 1]
    /\ still = [p \in Procs |-> 0]
    /\ unsure = [p \in Procs |-> FALSE]
    /\ floor = [p \in Procs |-> [n \in Names |-> 1]]
    /\ term = [p \in Procs |-> 0]
    /\ voted = [p \in Procs |-> 0]
    /\ promised = [p \in Procs |-> Nobody]
    /\ left = [p \in Procs |-> 0]
    /\ wait = [p \in Procs |-> 0]
    /\ role = [p \in Procs |-> "follower"]
    /\ clock = [p \in Procs |-> 0]
    /\ votes = [p \in Procs |-> {}]
    /\ acks = [p \in Procs |-> NoAcks]
    /\ lease = [p \in Procs |-> 0]
    /\ highest = 0 /\ token = 0 /\ fell = FALSE /\ freezes = 0

-----------------------------------------------------------------------------
\* What q says counts with p. A later life counts once it is established.
Hears(p, q) == Floor => floor[p][Name(q)] = Life(q)

Acts(p) == state[p] = "runs" /\ part[p] /\ ~unsure[p]

\* Enough other voters have established this life of x or a later one.
Known(life) == Cardinality({n \in Others : floor[<<n, 1>>][x] >= life}) >= Need

\* The least that is left of the acknowledgements of some quorum.
Left(ak) == CHOOSE i \in 0..L : /\ i = 0 \/ Quorum({n \in Names : ak[n] >= i})
                                /\ ~Quorum({n \in Names : ak[n] >= i + 1})

\* A process learns of later lives: what an earlier one has said in its candidacy
\* or leadership does not count any more.
Learned(p, fl) == {n \in Names : fl[n] > floor[p][n]}

End(S, pr, lf, ak, ls) ==
    /\ votes' = [p \in Procs |-> IF p \in S THEN {} ELSE votes[p]]
    /\ acks' = [p \in Procs |-> IF p \in S THEN NoAcks ELSE ak[p]]
    /\ lease' = [p \in Procs |-> IF p \in S THEN 0 ELSE ls[p]]
    /\ promised' = [p \in Procs |-> IF pr[p] \in S THEN Nobody ELSE pr[p]]
    /\ left' = [p \in Procs |-> IF pr[p] \in S THEN 0 ELSE lf[p]]

Campaign(p, t) ==
    /\ Acts(p) /\ role[p] = "follower" /\ left[p] = 0
    /\ t > term[p] /\ t > voted[p]
    /\ term' = [term EXCEPT ![p] = t]
    /\ voted' = [voted EXCEPT ![p] = t]
    /\ role' = [role EXCEPT ![p] = "candidate"]
    /\ clock' = [clock EXCEPT ![p] = L]
    /\ votes' = [votes EXCEPT ![p] = {Name(p)}]
    /\ highest' = Max(highest, t)
    /\ UNCHANGED <<state, part, still, unsure, floor, promised, left, wait, acks, lease,
                   token, fell, freezes>>

\* What v tells of established lives, as p keeps it.
Told(v, p) == [n \in Names |-> IF Share THEN Max(floor[p][n], floor[v][n])
                                        ELSE floor[p][n]]

\* p may be frozen: it asked before, and reads the answer when it goes on.
Vote(v, p) ==
    /\ Name(v) /= Name(p) /\ Acts(v) /\ Hears(v, p) /\ Hears(p, v)
    /\ state[p] \in {"runs", "frozen"}
    /\ role[p] = "candidate" /\ role[v] \in {"follower", "candidate"}
    /\ promised[v] \in {Nobody, p}
    /\ term[p] > voted[v] /\ term[p] >= term[v]
    /\ term' = [term EXCEPT ![v] = term[p]]
    /\ voted' = [voted EXCEPT ![v] = term[p]]
    /\ LET told == Told(v, p)
           has == (votes[p] \ Learned(p, told)) \cup {Name(v)}
           won == Quorum(has)
       IN /\ floor' = [floor EXCEPT ![p] = told]
          /\ votes' = [votes EXCEPT ![v] = {}, ![p] = IF won THEN {} ELSE has]
          /\ role' = [role EXCEPT ![v] = "follower", ![p] = IF won THEN "elected" ELSE @]
    /\ clock' = [clock EXCEPT ![v] = 0]
    /\ UNCHANGED <<state, part, still, unsure, promised, left, wait, acks, lease, highest,
                   token, fell, freezes>>

\* A heartbeat of a frozen leader is as old as its standing still, at least.
Promise(v, p) ==
    /\ v = p \/ (Name(v) /= Name(p) /\ Hears(v, p) /\ Hears(p, v))
    /\ Acts(v) /\ state[p] \in {"runs", "frozen"} /\ still[p] < L
    /\ role[p] \in {"elected", "leader"}
    /\ term[p] >= term[v]
    /\ v /= p => role[v] = "follower" \/ term[p] > term[v]
    /\ promised[v] \in {Nobody, p}
    /\ LET ends == IF v /= p /\ role[v] /= "follower" THEN {v} ELSE {}
           told == Told(v, p)
           kept == [n \in Names |-> IF n \in Learned(p, told) THEN 0 ELSE acks[p][n]]
           fresh == [kept EXCEPT ![Name(v)] = Max(@, L - still[p])]
           ls == Max(lease[p], Left(fresh))
           first == role[p] = "elected" /\ ls > 0
       IN /\ End(ends, [promised EXCEPT ![v] = p], [left EXCEPT ![v] = L],
                 [acks EXCEPT ![p] = fresh], [lease EXCEPT ![p] = ls])
          /\ floor' = [floor EXCEPT ![p] = told]
          /\ role' = [q \in Procs |-> IF q \in ends THEN "follower"
                                      ELSE IF q = p /\ first THEN "leader" ELSE role[q]]
          /\ clock' = [q \in Procs |-> IF q \in ends \/ (q = p /\ first) THEN 0
                                                                      ELSE clock[q]]
          /\ fell' = (fell \/ (first /\ term[p] <= token))
          /\ token' = IF first THEN Max(token, term[p]) ELSE token
    /\ term' = [term EXCEPT ![v] = term[p]]
    /\ UNCHANGED <<state, part, still, unsure, voted, wait, highest, freezes>>

StepDown(p) ==
    /\ Acts(p) /\ role[p] /= "follower"
    /\ role' = [role EXCEPT ![p] = "follower"]
    /\ clock' = [clock EXCEPT ![p] = 0]
    /\ End({p}, promised, left, acks, lease)
    /\ UNCHANGED <<state, part, still, unsure, floor, term, voted, wait, highest, token,
                   fell, freezes>>

-----------------------------------------------------------------------------
\* A dead process is one that is frozen and does not go on. Another name's is one
\* that does nothing, so only x is frozen.
Freeze(p) ==
    /\ Name(p) = x /\ state[p] = "runs" /\ freezes < MaxFreezes
    /\ state' = [state EXCEPT ![p] = "frozen"]
    /\ freezes' = freezes + 1
    /\ UNCHANGED <<part, still, unsure, floor, term, voted, promised, left, wait, role,
                   clock, votes, acks, lease, highest, token, fell>>

Thaw(p) ==
    /\ state[p] = "frozen"
    /\ state' = [state EXCEPT ![p] = "runs"]
    /\ unsure' = [unsure EXCEPT ![p] = @ \/ (Recheck /\ still[p] = L)]
    /\ still' = [still EXCEPT ![p] = 0]
    /\ UNCHANGED <<part, floor, term, voted, promised, left, wait, role, clock, votes,
                   acks, lease, highest, token, fell, freezes>>

\* The next life of x starts: from the disk of the life before, or with nothing,
\* and then with a stamp above all terms (E12) and with nobody established.
Replace(memory) ==
    \E life \in Lives \ {1} :
        LET p == <<x, life>>  q == <<x, life - 1>> IN
        /\ state[p] = "none" /\ state[q] \in {"frozen", "off"}
        /\ state' = [state EXCEPT ![p] = "runs"]
        /\ wait' = [wait EXCEPT ![p] = IF BootWait THEN L ELSE 0]
        /\ voted' = [voted EXCEPT ![p] = IF memory THEN voted[q] ELSE highest]
        /\ term' = [term EXCEPT ![p] = IF memory THEN voted[q] ELSE 0]
        /\ floor' = [floor EXCEPT ![p] = [n \in Names |-> IF n = x THEN life
                                          ELSE IF memory THEN floor[q][n] ELSE 0]]
        /\ UNCHANGED <<part, still, unsure, promised, left, role, clock, votes, acks,
                       lease, highest, token, fell, freezes>>

TakePart(p) ==
    /\ state[p] = "runs" /\ ~part[p] /\ wait[p] = 0
    /\ Confirm => Known(Life(p))
    /\ part' = [part EXCEPT ![p] = TRUE]
    /\ UNCHANGED <<state, still, unsure, floor, term, voted, promised, left, wait, role,
                   clock, votes, acks, lease, highest, token, fell, freezes>>

\* v has heard a later life while the one before was silent to it: frozen, dead
\* or behind a cut. With Confirm this is done before the life takes part, which
\* then waits from the last time that it was done.
Establish(v, p) ==
    /\ state[v] = "runs" /\ state[p] = "runs" /\ Life(p) > floor[v][Name(p)]
    /\ Confirm \/ part[p]
    /\ floor' = [floor EXCEPT ![v][Name(p)] = Life(p)]
    /\ votes' = [votes EXCEPT ![v] = @ \ {Name(p)}]
    /\ acks' = [acks EXCEPT ![v][Name(p)] = 0]
    /\ wait' = [wait EXCEPT ![p] = IF Confirm /\ ~part[p] /\ BootWait THEN L ELSE @]
    /\ UNCHANGED <<state, part, still, unsure, term, voted, promised, left, role, clock,
                   lease, highest, token, fell, freezes>>

\* E24 (b)
Ask(p) ==
    /\ state[p] = "runs" /\ unsure[p]
    /\ Quorum({Name(v) : v \in {v \in Procs : /\ state[v] = "runs"
                                              /\ floor[v][Name(p)] <= Life(p)}})
    /\ unsure' = [unsure EXCEPT ![p] = FALSE]
    /\ UNCHANGED <<state, part, still, floor, term, voted, promised, left, wait, role,
                   clock, votes, acks, lease, highest, token, fell, freezes>>

\* It hears `Superseded` and stops for good.
Superseded(p) ==
    /\ Floor /\ state[p] = "runs"
    /\ \E v \in Procs : state[v] = "runs" /\ floor[v][Name(p)] > Life(p)
    /\ state' = [state EXCEPT ![p] = "off"]
    /\ role' = [role EXCEPT ![p] = "follower"]
    /\ clock' = [clock EXCEPT ![p] = 0]
    /\ End({p}, [promised EXCEPT ![p] = Nobody], [left EXCEPT ![p] = 0], acks, lease)
    /\ UNCHANGED <<part, still, unsure, floor, term, voted, wait, highest, token, fell,
                   freezes>>

Tick ==
    LET ls == [p \in Procs |-> Less(lease[p])]
        over == {p \in Procs : \/ role[p] = "leader" /\ ls[p] = 0
                               \/ role[p] \in {"candidate", "elected"} /\ clock[p] = 1}
        bound == [p \in Procs |-> IF left[p] <= 1 THEN Nobody ELSE promised[p]]
    IN /\ role' = [p \in Procs |-> IF p \in over THEN "follower" ELSE role[p]]
       /\ clock' = [p \in Procs |-> Less(clock[p])]
       /\ wait' = [p \in Procs |-> Less(wait[p])]
       /\ still' = [p \in Procs |-> IF state[p] = "frozen" /\ still[p] < L
                                    THEN still[p] + 1 ELSE still[p]]
       /\ End(over, bound, [p \in Procs |-> Less(left[p])],
              [p \in Procs |-> [n \in Names |-> Less(acks[p][n])]], ls)
       /\ UNCHANGED <<state, part, unsure, floor, term, voted, highest, token, fell,
                      freezes>>

\* What is assumed, in every state: a life that runs although a later one of its
\* name has begun ("begun") or has taken part ("part") runs where enough others
\* have established the later one.
Assumption ==
    \A p, q \in Procs :
        /\ Name(p) = Name(q) /\ Life(p) < Life(q) /\ state[p] = "runs"
        /\ CASE Assume = "begun" -> state[q] /= "none"
             [] Assume = "part"  -> part[q]
             [] OTHER            -> FALSE
        => Known(Life(q))

Next ==
    /\ \/ Tick
       \/ \E memory \in BOOLEAN : Replace(memory)
       \/ \E p \in Procs :
            \/ \E t \in 1..MaxTerm : Campaign(p, t)
            \/ StepDown(p) \/ Freeze(p) \/ Thaw(p) \/ TakePart(p) \/ Ask(p) \/ Superseded(p)
            \/ \E v \in Procs : Vote(v, p) \/ Promise(v, p) \/ Establish(v, p)
    /\ Assumption'

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
LeaseExclusive   == Cardinality({p \in Procs : lease[p] > 0}) <= 1
OneLeaderPerTerm == \A p, q \in Procs : p /= q /\ role[p] = "leader" /\ role[q] = "leader"
                                        => term[p] /= term[q]
TokenGrows       == ~fell
=============================================================================
