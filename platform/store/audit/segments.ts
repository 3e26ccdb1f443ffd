import type { Observe } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";
import { type Segment, type Signer, statements } from "./signing.ts";
import { segmentColumns } from "./verify-audit.ts";

/**
 * Writes down where the chain stands, in the ledger (and so in its backups) and in the log, which usually lies elsewhere: an end
 * that is cut off later is missed even by somebody who could sign.
 */
export async function anchorAudit(sql: Sql, signer: Signer, observe: Observe): Promise<void> {
  const head = await sql.one<{ seq: number; hash: string; at: string }>(
    `select seq, encode(hash, 'hex') as hash, audit_time(date_trunc('milliseconds', clock_timestamp())) as at from audit_head`,
  );
  if (head.seq === 0) return;
  await sql.query("select audit_anchor($1, $2::timestamptz, $3)", [
    head.seq,
    head.at,
    signer.sign(statements.anchor(head)),
  ]);
  observe({ kind: "audit.anchored", seq: head.seq, hash: head.hash });
}

/** Closes every finished month that is open, then lets go of what is older than the retention. How many lines went. */
export async function retainAudit(sql: Sql, signer: Signer, retentionDays: number): Promise<number> {
  for (;;) {
    const open = await sql.maybe<Omit<Segment, "signature">>(
      `select ${segmentColumns.replace(", signature", "")} from audit_open_segment()`,
    );
    if (open === undefined) break;
    await sql.query("select audit_close_segment($1, $2)", [open.lastSeq, signer.sign(statements.segment(open))]);
  }
  const { gone } = await sql.one<{ gone: number }>("select audit_prune($1) as gone", [retentionDays]);
  return gone;
}
