import type { Sql } from "../../sql/index.ts";
import { type ChainLine, chainColumns, genesis } from "./line.ts";
import type { Segment } from "./signing.ts";
import type { Subjects } from "./subjects.ts";
import { segmentColumns } from "./verify-audit.ts";

/**
 * The whole chain as JSON lines: a header (public key, closed segments, where the lines begin), each line as it is hashed together
 * with who it was, and the signed head. Anybody can verify it with sha256 and Ed25519 (docs/audit.md).
 */
export async function* exportAudit(sql: Sql, subjects: Subjects, publicKey: string): AsyncGenerator<object> {
  const head = await sql.one<{ seq: number; hash: string; signature: string | null }>(
    "select seq, encode(hash, 'hex') as hash, signature from audit_head",
  );
  const segments = await sql.query<Segment & { readonly pruned: boolean }>(
    `select ${segmentColumns}, pruned_at is not null as pruned from audit_segments order by first_seq`,
  );
  const last = segments.filter(({ pruned }) => pruned).at(-1);
  const begin = { seq: last?.lastSeq ?? 0, hash: last?.lastHash ?? genesis };
  yield { kind: "begin", format: 1, publicKey, after: begin, segments };
  let after = begin.seq;
  while (after < head.seq) {
    const rows = await sql.query<ChainLine>(
      `select ${chainColumns} from audit_logs where seq > $1 and seq <= $2 order by seq limit 1000`,
      [after, head.seq],
    );
    if (rows.length === 0) break;
    const who = await subjects.open(rows);
    for (const [i, line] of rows.entries()) yield { kind: "line", line, who: who[i] };
    after = rows.at(-1)?.seq ?? head.seq;
  }
  yield { kind: "end", head };
}
