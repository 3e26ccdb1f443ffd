/**
 * Whether a primary that crashed came back with the end of its log. Postgres recovers up to where its log is readable, and calls that
 * the end: a disk that lost the last of it shows itself nowhere but at who had it already.
 */
import { startFailed } from "./errors.ts";
import { readControl } from "./instance-conf.ts";
import type { Manifest } from "./manifest.ts";
import type { Place } from "./paths.ts";
import { findPostmaster } from "./postmaster.ts";
import type { Programs } from "./programs.ts";
import type { Context } from "./running.ts";
import { doorTo, standbysIn } from "./standby.ts";
import { readStandbyState, type StandbyPlace } from "./standby-place.ts";
import { asAdmin } from "./sync.ts";

/**
 * Asked before a start of a primary for whose commits standbys are waited for: how far those that serve have come that count. undefined
 * where there is nothing to compare with: it was stopped cleanly, or runs, or nobody can be asked.
 */
export async function reachBefore(
  context: Context,
  place: Place,
  manifest: Manifest,
  { bin }: Programs,
): Promise<bigint | undefined> {
  if (manifest.synchronous !== true || (await findPostmaster(place.pgdata)) !== undefined) return undefined;
  const { counted } = await readStandbyState(place);
  if (counted.length === 0 || !isCrashed(await readControl(bin, place.pgdata).catch(() => ""))) return undefined;
  const asked = (await standbysIn(context, place, manifest.id)).filter(({ number }) => counted.includes(number));
  const found = await Promise.all(asked.map((one) => replayedBy(context, manifest, one).catch(() => undefined)));
  return found.reduce((most, one) => (one !== undefined && (most === undefined || one > most) ? one : most), undefined);
}

const isCrashed = (control: string): boolean => /^Database cluster state: +in production$/m.test(control);

/** All whole records that it has been sent, once it stands still: its primary sends no more. */
async function replayedBy(context: Context, manifest: Manifest, standby: StandbyPlace): Promise<bigint | undefined> {
  const running = await findPostmaster(standby.pgdata);
  if (running?.ready !== true || running.frozen) return undefined;
  const read = () =>
    asAdmin(doorTo(context, manifest, standby), "postgres", async (sql) => {
      const { position } = await sql.one<{ position: string }>(
        "select pg_wal_lsn_diff(coalesce(pg_last_wal_replay_lsn(), '0/0'), '0/0')::text as position",
      );
      return BigInt(position);
    });
  for (let last = await read(), still = 0; ; ) {
    if (still >= 2) return last;
    await new Promise((resolve) => setTimeout(resolve, 20));
    const now = await read();
    still = now === last ? still + 1 : 0;
    last = now;
  }
}

/**
 * Asked right after the start. A server that recovered writes a checkpoint behind the end of what it found, before it takes a write: no
 * commit of its own can hide what is missing, and none is answered, because who would have to have it is ahead of it.
 * @throws NEB345 when a standby has more.
 */
export async function mustHaveItsTail(place: Place, { id }: Manifest, { bin }: Programs, reach: bigint): Promise<void> {
  const said = /^Latest checkpoint location: +([0-9A-F]+)\/([0-9A-F]+)$/m.exec(await readControl(bin, place.pgdata));
  const [, high = "0", low = "0"] = said ?? [];
  const end = (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
  if (said !== null && end < reach)
    throw startFailed(`${id}: its log ends ${reach - end} bytes before what a standby has of it`);
}
