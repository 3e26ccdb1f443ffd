import { access, lchown, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Manifest } from "./manifest.ts";
import { findPostmaster } from "./postmaster.ts";

/** A server that starts with this file recovers for ever and takes no write from anybody (`storage-limit.ts`). */
const signalIn = (pgdata: string): string => join(pgdata, "standby.signal");

/** How the server of a cluster was started, or will be. */
export const isClosed = (pgdata: string): Promise<boolean> =>
  access(signalIn(pgdata)).then(
    () => true,
    () => false,
  );

export const shouldBeClosed = ({ full }: Pick<Manifest, "full">): boolean => full?.mode === "closed";

/**
 * Before a start: the file is there, or it is not. It belongs to whom the cluster does. Nothing while a server runs: what that was started
 * with is what the file says.
 */
export async function closeOrOpen(pgdata: string, manifest: Pick<Manifest, "full">): Promise<void> {
  const closed = shouldBeClosed(manifest);
  if ((await isClosed(pgdata)) === closed || (await findPostmaster(pgdata)) !== undefined) return;
  await rm(signalIn(pgdata), { force: true });
  if (!closed) return;
  await writeFile(signalIn(pgdata), "", { mode: 0o600, flag: "wx" });
  const { uid, gid } = await stat(pgdata);
  if (process.getuid?.() !== uid) await lchown(signalIn(pgdata), uid, gid);
}
