/**
 * Verifies an export of the audit without the installation that made it: an implementation of docs/audit.md of its own, with
 * sha256 and Ed25519 and nothing else.
 *
 * 1. Every line follows the one before: number, and hash over the line before and its own fields.
 * 2. Closed segments follow one another from the first line on, signed; the lines begin where the last one that is gone ends.
 * 3. The file ends with the signed head, and the head is its last line.
 */
import { createHash, createPublicKey, verify } from "node:crypto";

export type FileVerdict = {
  readonly ok: boolean;
  readonly lines: number;
  readonly firstSeq: number | null;
  readonly head: { readonly seq: number; readonly hash: string } | null;
  readonly publicKey: string;
  readonly problems: string[];
};

export type Known = {
  /** Pinned by who keeps it outside of the installation; else the one in the file, which its forger could have made. */
  readonly publicKey?: string | undefined;
  readonly anchors: readonly { readonly seq: number; readonly hash: string }[];
};

type Line = Readonly<Record<string, unknown>> & { readonly seq: number; readonly hash: string };
type Segment = {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly fromAt: string;
  readonly toAt: string;
  readonly beforeHash: string;
  readonly lastHash: string;
  readonly signature: string;
  readonly pruned: boolean;
};
type Entry =
  | {
      readonly kind: "begin";
      readonly format: number;
      readonly publicKey: string;
      readonly after: { readonly seq: number; readonly hash: string };
      readonly segments: readonly Segment[];
    }
  | { readonly kind: "line"; readonly line: Line }
  | {
      readonly kind: "end";
      readonly head: { readonly seq: number; readonly hash: string; readonly signature: string | null };
    };

const genesis = "0".repeat(64);
const fields = ["seq", "at", "subject", "personal", "action", "resource"];
const more = ["tenant", "project", "details", "result", "operation", "commit"];

export async function verifyFile(rows: AsyncIterable<string>, known: Known): Promise<FileVerdict> {
  const problems: string[] = [];
  const closed = new Map<number, string>();
  let [publicKey, seq, hash, lines] = [known.publicKey ?? "", 0, genesis, 0];
  let head: FileVerdict["head"] = null;
  let begun = false;
  for await (const row of rows) {
    if (row.trim() === "") continue;
    const entry = parse(row);
    if (entry === undefined) {
      problems.push(`after line ${seq}: a row that is no JSON of an export`);
    } else if (head !== null) {
      problems.push("something follows the head");
    } else if (entry.kind === "begin") {
      if (begun) problems.push("the file begins twice");
      begun = true;
      if (known.publicKey !== undefined && entry.publicKey !== known.publicKey)
        problems.push("it names another public key than the one that was given");
      publicKey = known.publicKey ?? entry.publicKey;
      [seq, hash] = checkSegments(entry.segments, publicKey, closed, problems);
      if (entry.after.seq !== seq || entry.after.hash !== hash)
        problems.push(`the lines begin after ${entry.after.seq}, the closed segments say ${seq}`);
    } else if (entry.kind === "line") {
      const { line } = entry;
      if (line.seq !== seq + 1) problems.push(`line ${seq + 1}: ${line.seq > seq ? "is missing" : "comes twice"}`);
      if (hashAfter(hash, line) !== line.hash)
        problems.push(`line ${line.seq}: its hash does not follow from the line before and its own fields`);
      if ((closed.get(line.seq) ?? line.hash) !== line.hash)
        problems.push(`line ${line.seq}: is not the one that its segment closed with`);
      for (const anchor of known.anchors)
        if (anchor.seq === line.seq && anchor.hash !== line.hash)
          problems.push(`line ${line.seq}: was another one when it was anchored`);
      [seq, hash, lines] = [line.seq, line.hash, lines + 1];
    } else {
      head = { seq: entry.head.seq, hash: entry.head.hash };
      if (head.seq !== seq || head.hash !== hash)
        problems.push(`the chain ends at line ${seq}, the head says ${head.seq}: the end was cut off or added to`);
      const said = ["nebuladb audit head 1", head.seq, head.hash].join("\n");
      if (head.seq > 0 && !isSigned(publicKey, said, entry.head.signature))
        problems.push("the head is not signed by this key");
    }
  }
  if (!begun) problems.push("the file does not begin as an export does");
  if (head === null) problems.push("the file has no head: its end was cut off");
  for (const at of closed.keys()) if (at > seq) problems.push(`line ${at}: was closed and is missing`);
  for (const anchor of known.anchors)
    if (anchor.seq > seq) problems.push(`line ${anchor.seq}: was anchored and is missing`);
  const firstSeq = lines === 0 ? null : seq - lines + 1;
  return { ok: problems.length === 0, lines, firstSeq, head, publicKey, problems: problems.slice(0, 20) };
}

/** Where the lines begin; what segments that are still there end with goes into `closed`. */
function checkSegments(
  segments: readonly Segment[],
  publicKey: string,
  closed: Map<number, string>,
  problems: string[],
): [number, string] {
  let [seq, hash] = [0, genesis];
  let begin: [number, string] = [seq, hash];
  for (const one of segments) {
    const name = `the segment of lines ${one.firstSeq} to ${one.lastSeq}`;
    if (one.firstSeq !== seq + 1 || one.beforeHash !== hash) problems.push(`${name} does not follow the one before`);
    const said = [
      "nebuladb audit segment 1",
      one.firstSeq,
      one.lastSeq,
      one.fromAt,
      one.toAt,
      one.beforeHash,
      one.lastHash,
    ];
    if (!isSigned(publicKey, said.join("\n"), one.signature)) problems.push(`${name} is not signed by this key`);
    [seq, hash] = [one.lastSeq, one.lastHash];
    if (one.pruned) begin = [seq, hash];
    else closed.set(seq, hash);
  }
  return begin;
}

function parse(row: string): Entry | undefined {
  try {
    const entry = JSON.parse(row) as Entry;
    return ["begin", "line", "end"].includes(entry.kind) ? entry : undefined;
  } catch {
    return undefined;
  }
}

const netstring = (value: unknown): string =>
  value === null || value === undefined ? "-" : `${Buffer.byteLength(String(value))}:${value}`;

const hashAfter = (previous: string, line: Line): string =>
  createHash("sha256")
    .update(Buffer.from(previous, "hex"))
    .update([...fields, ...more].map((field) => netstring(line[field])).join(","))
    .digest("hex");

function isSigned(publicKey: string, statement: string, signature: string | null): boolean {
  const raw = Buffer.from(publicKey, "base64");
  if (signature === null || raw.length !== 32) return false;
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]);
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  return verify(null, Buffer.from(statement), key, Buffer.from(signature, "base64"));
}
