/**
 * A platform on a disk that fills up: `node full-disk-child.ts <dataDir> <port>`. Prints as JSON what happened: a creation is
 * refused while the disk is full, what runs goes on, and with space again the creation ends well by itself.
 */
import { execFile } from "node:child_process";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "../../platform/core/index.ts";
import { connectOnce } from "../../platform/sql/index.ts";
import { eventually } from "../harness/eventually.ts";

const [data = "", port = ""] = process.argv.slice(2);
const repository = join(import.meta.dirname, "..", "..");
const ballast = join(data, "ballast");
const env = { ...process.env, NEBULA_DATA: data, NEBULA_URL: "", NEBULA_TOKEN: "" };

const nebula = (
  ...args: string[]
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> =>
  new Promise((resolve) => {
    execFile(join(repository, "nebula"), args, { env, maxBuffer: 64 << 20 }, (failure, stdout, stderr) =>
      resolve({ code: failure === null ? 0 : Number(failure.code ?? -1), stdout, stderr }),
    );
  });
const list = async <T>(...args: string[]): Promise<readonly T[]> =>
  JSON.parse((await nebula(...args, "-o", "json")).stdout);
const onDatabase = async (name: string, statement: string) =>
  connectOnce(new Secret((await nebula("db", "connect", name)).stdout.trim()), (sql) => sql.query(statement));
type Row = { readonly name: string; readonly phase: string | null };
const ready = (count: number) =>
  eventually(
    `${count} ready databases`,
    async () => (await list<Row>("db", "list")).filter(({ phase }) => phase === "Ready").length === count,
    { timeoutMs: 60_000, everyMs: 500 },
  );
const freeBytes = () => {
  const { bavail, bsize } = statfsSync(data);
  return bavail * bsize;
};

type Operation = {
  readonly type: string;
  readonly state: string;
  readonly outcome: string | null;
  readonly error: { readonly code?: string; readonly detail?: string; readonly hint?: string } | null;
};
const report: Record<string, unknown> = {};
const started = await nebula("up", "--detach", "--port", port);
if (started.code !== 0) throw new Error(started.stderr);
try {
  await ready(5);
  await onDatabase("shop/orders", "create table kept (note text); insert into kept values ('before')");
  writeFileSync(ballast, Buffer.alloc(Math.max(0, freeBytes() - 24 * 1024 ** 2)));
  // Copies that were prepared before the disk filled up have their space already.
  for (let made = 1, code = 0; code === 0 && made <= 4; made += 1) {
    const options = ["--storage", "1Gi", "--auto-merge", "--wait", "--timeout", "6"];
    const answer = await nebula("db", "create", `acme/shop/late-${made}`, ...options);
    code = answer.code;
    Object.assign(report, { made, code, said: answer.stderr });
  }
  const [last] = await list<Operation>("ops", "list", "--limit", "1");
  report.last = { type: last?.type, state: last?.state, outcome: last?.outcome, error: last?.error };
  report.listed = (await nebula("ops", "list", "--limit", "1")).stdout;
  report.rowsWhileFull = await onDatabase("shop/orders", "select note from kept");
  rmSync(ballast);
  await ready(5 + Number(report.made));
  report.madeLater = true;
  report.rows = await onDatabase("shop/orders", "select note from kept");
} finally {
  rmSync(ballast, { force: true });
  await nebula("down");
}
process.stdout.write(`${JSON.stringify(report)}\n`);
