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
import { findPostmaster, killServer } from "./postmaster.ts";
import { type Programs, runProgram } from "./programs.ts";
import type { Context } from "./running.ts";
import { ownerOf } from "./server-user.ts";
import { standbysIn } from "./standby.ts";
import { readStandbyState, type StandbyPlace } from "./standby-place.ts";
import { settledReach } from "./standby-reach.ts";

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
  await killServer(place); // whoever is left of it sends no more
  const found = await Promise.all(asked.map((one) => sentTo(context, manifest, one).catch(() => undefined)));
  for (const reach of found) {
    if (reach === undefined || reach <= lsnNumber(crashed.redo)) continue;
    const end = lsnText(reach);
    const missing = await unreadable(bin, place.pgdata, { ...crashed, reach: end });
    if (missing !== undefined)
      throw startFailed(`${manifest.id}: a standby has its log up to ${end}, and it has not: ${missing}`);
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

const lsnText = (place: bigint): string =>
  `${(place >> 32n).toString(16)}/${(place & 0xffffffffn).toString(16)}`.toUpperCase();

/** The end of the last whole record that it was sent. */
async function sentTo(context: Context, manifest: Manifest, standby: StandbyPlace): Promise<bigint | undefined> {
  const running = await findPostmaster(standby.pgdata);
  if (running?.ready !== true || running.frozen) return undefined;
  return (await settledReach(context, manifest, standby, settleMs))?.replayed;
}

/** Whoever cannot say it by then is not asked any more: the primary is started. */
const settleMs = 20_000;

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
