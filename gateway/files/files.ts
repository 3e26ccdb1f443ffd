import { existsSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Gate } from "../../platform/compute/index.ts";
import { type Clock, type Observe, reportFault, type Secret } from "../../platform/core/index.ts";
import { ownerOf } from "../../platform/files/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { ServingTls } from "../tls/index.ts";
import type { FileKeys } from "./admit.ts";
import { makeBuckets } from "./buckets.ts";
import { filesLayout } from "./layout.ts";
import { makeFilesServer } from "./process.ts";
import { makeRoom } from "./room.ts";
import { type Counted, type FilesWeb, makeFilesWeb } from "./server.ts";
import { makeUpstream } from "./upstream.ts";

export type FilesOptions = {
  readonly dataDir: string;
  /** versitygw. */
  readonly bin: string;
  readonly domain: string;
  readonly secret: Secret;
  readonly keys: FileKeys;
  readonly gateOf: (id: DatabaseId) => Promise<Gate | undefined>;
  readonly databases: () => Promise<readonly DatabaseId[]>;
  readonly isRetired: (id: DatabaseId) => Promise<boolean>;
  readonly account: (id: DatabaseId) => Counted;
  readonly tls?: ServingTls;
  readonly clock: Clock;
  readonly observe: Observe;
};

export type Files = FilesWeb & {
  /** Puts aside what is not declared any more, and writes down how much each database's buckets hold. */
  look(): Promise<void>;
};

const lookEveryMs = 60_000;

/** The whole of it, ready to listen. */
export function makeFiles(options: FilesOptions): Files {
  const { dataDir, bin, secret, clock, observe } = options;
  const layout = filesLayout(dataDir);
  const server = makeFilesServer({ bin, layout, root: ownerOf(secret, "nebula-root"), observe });
  const upstream = makeUpstream(layout.socket, () => clock.now());
  const { gateOf, databases, isRetired } = options;
  const buckets = makeBuckets({ gateOf, databases, isRetired, layout, secret, server, upstream, clock, observe });
  const room = makeRoom(layout, clock);
  const web = makeFilesWeb({ ...options, buckets, room, upstream });
  let timer: NodeJS.Timeout | undefined;

  // where nobody declared a bucket this reads the gates and writes nothing
  const look = async () => {
    await buckets.sweep();
    const sizes = new Map<DatabaseId, number>();
    for (const { id, label } of await buckets.list()) sizes.set(id, (sizes.get(id) ?? 0) + (await room.measure(label)));
    if (sizes.size > 0 || existsSync(layout.root)) await writeSizes(layout.root, Object.fromEntries(sizes));
  };
  const lookNow = () => look().catch((thrown) => reportFault(observe, "files.look", thrown));

  return {
    look,
    async listen(port, host) {
      const got = await web.listen(port, host);
      void lookNow();
      timer = setInterval(lookNow, lookEveryMs).unref();
      return got;
    },
    async close(limitMs) {
      clearInterval(timer);
      await web.close(limitMs);
      upstream.close();
      await server.close();
    },
  };
}

/** For who meters: bytes by database. */
async function writeSizes(root: string, sizes: Readonly<Record<string, number>>): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  const file = join(root, "sizes.json");
  await writeFile(`${file}.new`, JSON.stringify(sizes), { mode: 0o600 });
  await rename(`${file}.new`, file);
}
