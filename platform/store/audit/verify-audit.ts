import type { Sql } from "../../sql/index.ts";
import { type ChainLine, chainColumns, genesis, hashAfter } from "./line.ts";
import { type Anchor, isSigned, type Segment, statements } from "./signing.ts";

export type AuditVerdict = {
  readonly ok: boolean;
  /** Lines that were checked. */
  readonly lines: number;
  readonly firstSeq: number | null;
  readonly head: { readonly seq: number; readonly hash: string };
  readonly publicKey: string;
  readonly problems: readonly string[];
};

/** Somewhere else's word for what the chain once was: from the log, a backup, an export. */
export type KnownHead = { readonly seq: number; readonly hash: string };

const chunk = 5000;
const problemsAtMost = 20;

/**
 * Reads the whole chain and checks every link: numbers without gaps, every hash, what closed segments and hourly anchors say, and
 * that it ends where the signed head says. Reads in one snapshot, so writers do not wait.
 */
export const verifyAudit = (sql: Sql, publicKey: string, known: readonly KnownHead[] = []): Promise<AuditVerdict> =>
  sql.tx(async (tx) => {
    await tx.query("set transaction isolation level repeatable read, read only");
    const problems: string[] = [];
    const tell = (problem: string) => problems.length < problemsAtMost && problems.push(problem);
    const head = await tx.one<{ seq: number; hash: string; signature: string | null }>(
      "select seq, encode(hash, 'hex') as hash, signature from audit_head",
    );
    const begin = await checkSegments(tx, publicKey, tell);
    const anchors = await readAnchors(tx, publicKey, tell);
    const expected = Map.groupBy([...anchors, ...known], ({ seq }) => seq);
    const isPruned = (seq: number) => seq < begin.seq;
    let [seq, hash, lines] = [begin.seq, begin.hash, 0];
    for (let rows = await readLines(tx, 0); rows.length > 0; rows = await readLines(tx, rows.at(-1)?.seq ?? 0))
      for (const line of rows) {
        if (line.seq !== seq + 1) tell(`line ${seq + 1}: ${line.seq > seq ? "is missing" : "comes twice"}`);
        const computed = hashAfter(hash, line);
        if (line.hash !== computed)
          tell(`line ${line.seq}: its hash does not follow from the line before and its own fields`);
        for (const one of expected.get(line.seq) ?? [])
          if (one.hash !== line.hash) tell(`line ${line.seq}: was another one when it was anchored`);
        const closed = begin.closed.get(line.seq);
        if (closed !== undefined && closed !== line.hash)
          tell(`line ${line.seq}: is not the one that its segment closed with`);
        [seq, hash, lines] = [line.seq, line.hash, lines + 1];
      }
    for (const at of expected.keys()) if (at > seq && !isPruned(at)) tell(`line ${at}: was anchored and is missing`);
    for (const at of begin.closed.keys()) if (at > seq) tell(`line ${at}: was closed and is missing`);
    if (head.seq !== seq || head.hash !== hash)
      tell(`the chain ends at line ${seq}, the head says ${head.seq}: the end was cut off or added to`);
    if (head.seq > 0 && !isSigned(publicKey, statements.head(head), head.signature))
      tell("the head is not signed by this installation");
    return {
      ok: problems.length === 0,
      lines,
      firstSeq: lines === 0 ? null : seq - lines + 1,
      head: { seq: head.seq, hash: head.hash },
      publicKey,
      problems,
    };
  });

const readLines = (tx: Sql, after: number): Promise<readonly ChainLine[]> =>
  tx.query<ChainLine>(`select ${chainColumns} from audit_logs where seq > $1 order by seq limit ${chunk}`, [after]);

export const segmentColumns = `first_seq as "firstSeq", last_seq as "lastSeq", audit_time(from_at) as "fromAt",
  audit_time(to_at) as "toAt", encode(before_hash, 'hex') as "beforeHash", encode(last_hash, 'hex') as "lastHash", signature`;

type Tell = (problem: string) => unknown;

/** Where the lines begin that are still there, and what closed segments say of lines. */
async function checkSegments(tx: Sql, publicKey: string, tell: Tell) {
  const rows = await tx.query<Segment & { readonly pruned: boolean }>(
    `select ${segmentColumns}, pruned_at is not null as pruned from audit_segments order by first_seq`,
  );
  const closed = new Map<number, string>();
  let [seq, hash] = [0, genesis];
  let begin = { seq, hash };
  for (const one of rows) {
    if (one.firstSeq !== seq + 1 || one.beforeHash !== hash)
      tell(`the segment of lines ${one.firstSeq} to ${one.lastSeq} does not follow the one before`);
    if (!isSigned(publicKey, statements.segment(one), one.signature))
      tell(`the segment of lines ${one.firstSeq} to ${one.lastSeq} is not signed by this installation`);
    [seq, hash] = [one.lastSeq, one.lastHash];
    if (one.pruned) begin = { seq, hash };
    else closed.set(one.lastSeq, one.lastHash);
  }
  return { ...begin, closed };
}

async function readAnchors(tx: Sql, publicKey: string, tell: Tell): Promise<readonly Anchor[]> {
  const rows = await tx.query<Anchor>(
    "select seq, encode(hash, 'hex') as hash, audit_time(at) as at, signature from audit_anchors order by seq",
  );
  for (const one of rows)
    if (!isSigned(publicKey, statements.anchor(one), one.signature))
      tell(`the anchor of line ${one.seq} is not signed`);
  return rows;
}
