/**
 * Whether a primary that crashed still has the end of its log. Postgres recovers up to where its log is readable, and calls that the
 * end: a disk that lost the last of it shows itself nowhere but at who had it already. Asked before the start: a server that goes on
 * from an earlier place writes other records where those were, and sends them to whoever follows it.
 */
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { asNebulaError } from "../core/index.ts";
import { startFailed } from "./errors.ts";
import { readControl } from "./instance-conf.ts";
import type { Manifest } from "./manifest.ts";
import type { Place } from "./paths.ts";
import { findPostmaster } from "./postmaster.ts";
import { type Programs, runProgram } from "./programs.ts";
import type { Context } from "./running.ts";
import { ownerOf } from "./server-user.ts";
import { doorTo, standbysIn } from "./standby.ts";
import { readStandbyState, type StandbyPlace } from "./standby-place.ts";
import { asAdmin } from "./sync.ts";

/**
 * Of a primary for whose commits standbys are waited for: it is compared with those of them that serve. Nothing where it was stopped
 * cleanly, runs, or nobody can be asked. @throws NEB345 when a standby has what it lacks.
 */
export async function mustHaveItsTail(
  context: Context,
  place: Place,
  manifest: Manifest,
  { bin }: Programs,
): Promise<void> {
  if (manifest.synchronous !== true || (await findPostmaster(place.pgdata)) !== undefined) return;
  const { counted } = await readStandbyState(place);
  const crashed = counted.length === 0 ? undefined : readCrashed(await readControl(bin, place.pgdata).catch(() => ""));
  if (crashed === undefined) return;
  const asked = (await standbysIn(context, place, manifest.id)).filter(({ number }) => counted.includes(number));
  const found = await Promise.all(asked.map((one) => replayedBy(context, manifest, one).catch(() => undefined)));
  for (const reach of found) {
    if (reach === undefined || lsnNumber(reach) <= lsnNumber(crashed.redo)) continue;
    const missing = await unreadable(bin, place.pgdata, { ...crashed, reach });
    if (missing !== undefined)
      throw startFailed(`${manifest.id}: a standby has its log up to ${reach}, and it has not: ${missing}`);
  }
}

type Crashed = { readonly timeline: string; readonly redo: string };

/** From where a server that crashed would recover; undefined when it did not. */
function readCrashed(control: string): Crashed | undefined {
  const of = (name: string) => new RegExp(`^${name}: +(.+)$`, "m").exec(control)?.[1];
  const [redo, timeline] = [of("Latest checkpoint's REDO location"), of("Latest checkpoint's TimeLineID")];
  const crashed = of("Database cluster state") === "in production";
  return crashed && redo !== undefined && timeline !== undefined ? { redo, timeline } : undefined;
}

const lsnNumber = (lsn: string): bigint => {
  const [high = "0", low = "0"] = lsn.split("/");
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
};

/** The end of the last whole record that it was sent, once it stands still: its primary sends no more. */
async function replayedBy(context: Context, manifest: Manifest, standby: StandbyPlace): Promise<string | undefined> {
  const running = await findPostmaster(standby.pgdata);
  if (running?.ready !== true || running.frozen) return undefined;
  const read = () =>
    asAdmin(doorTo(context, manifest, standby), "postgres", async (sql) => {
      const { lsn } = await sql.one<{ lsn: string | null }>("select pg_last_wal_replay_lsn()::text as lsn");
      return lsn ?? undefined;
    });
  for (let last = await read(), still = 0; ; ) {
    if (still >= 2) return last;
    await new Promise((resolve) => setTimeout(resolve, 20));
    const now = await read();
    still = now === last ? still + 1 : 0;
    last = now;
  }
}

type Stretch = Crashed & { readonly reach: string };

/** What is wrong with a stretch of a log, in Postgres's words. Without the program that reads logs nothing is. */
async function unreadable(
  bin: string,
  pgdata: string,
  { timeline, redo, reach }: Stretch,
): Promise<string | undefined> {
  const program = join(bin, "pg_waldump");
  const here = await access(program, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!here) return undefined;
  const stretch = ["--timeline", timeline, "--start", redo, "--end", reach];
  return runProgram(program, ["--quiet", "--path", join(pgdata, "pg_wal"), ...stretch], {
    user: await ownerOf(pgdata),
  }).then(
    () => undefined,
    (thrown) => asNebulaError(thrown).message,
  );
}
