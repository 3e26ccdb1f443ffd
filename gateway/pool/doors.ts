/**
 * The doors: for each instance one path that PgBouncer connects to. While the instance may sleep, the gateway listens there; while
 * it is awake, the path is a link to the server's own socket, and what PgBouncer sends passes nobody.
 *
 * 1. A door changes by one rename: whoever connects finds the one or the other, never nothing.
 * 2. `straighten` is synchronous, so that no suspend comes between the look at the keeper and the rename.
 * 3. A connection that had reached the listener before the door was straightened is served.
 */
import { chmodSync, chownSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { basename, join } from "node:path";
import type { OsUser } from "../../platform/compute/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { doorPort } from "./config.ts";
import { doorFolder, sharedFolder } from "./files.ts";

export type Doors = {
  /** Makes the door, with us behind it. Nothing when it is there. */
  make(id: DatabaseId): Promise<void>;
  has(id: DatabaseId): boolean;
  /** Links it to the server's socket. */
  straighten(id: DatabaseId, socketPath: string): void;
  /** Puts us behind it again. */
  guard(id: DatabaseId): Promise<void>;
  isStraight(id: DatabaseId): boolean;
  /** Straight doors that lead to no server: somebody else stopped it, or it died. */
  dangling(): Promise<readonly DatabaseId[]>;
  remove(id: DatabaseId): Promise<void>;
  /** Takes away what earlier gateways left of instances that are gone. */
  prune(): Promise<void>;
  /** Lets go of the listeners. Straight doors stay: PgBouncer serves on without us. */
  close(): Promise<void>;
};

export type DoorOptions = {
  readonly dataDir: string;
  readonly user: OsUser | null;
  /** PgBouncer has connected, and waits. */
  readonly onConnection: (id: DatabaseId, socket: Socket) => void;
};

type Door = {
  readonly folder: string;
  readonly path: string;
  listener: Server | undefined;
  /** The server's socket, and its postmaster as last seen. */
  target: string | undefined;
  pid: number;
};

/** A connection may still wait in the queue of a listener whose path is gone. */
const lingerMs = 250;

export function makeDoors({ dataDir, user, onConnection }: DoorOptions): Doors {
  const doors = new Map<DatabaseId, Door>();
  let made = 0;

  const listen = async (id: DatabaseId, door: Door) => {
    const server = createServer((socket) => onConnection(id, socket));
    const fresh = join(door.folder, `.n${++made % 1e6}`);
    rmSync(fresh, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(fresh, resolve);
    });
    server.on("error", () => undefined);
    if (user !== null) chownSync(fresh, 0, user.gid);
    chmodSync(fresh, user === null ? 0o600 : 0o660);
    renameSync(fresh, door.path);
    door.listener?.close();
    door.listener = server;
    door.target = undefined;
  };

  return {
    async make(id) {
      if (doors.has(id)) return;
      const folder = doorFolder(dataDir, id);
      const path = join(folder, `.s.PGSQL.${doorPort}`);
      const door: Door = { folder, path, listener: undefined, target: undefined, pid: 0 };
      doors.set(id, door);
      try {
        await sharedFolder(folder, user);
        await listen(id, door);
      } catch (thrown) {
        doors.delete(id);
        throw thrown;
      }
    },
    has: (id) => doors.has(id),
    straighten(id, socketPath) {
      const door = doors.get(id);
      if (door === undefined || door.target === socketPath) return;
      const fresh = join(door.folder, `.n${++made % 1e6}`);
      rmSync(fresh, { force: true });
      symlinkSync(socketPath, fresh);
      renameSync(fresh, door.path);
      door.target = socketPath;
      const { listener } = door;
      door.listener = undefined;
      if (listener !== undefined) setTimeout(() => listener.close(), lingerMs).unref();
    },
    async guard(id) {
      const door = doors.get(id);
      if (door !== undefined && door.listener === undefined) await listen(id, door);
    },
    isStraight: (id) => doors.get(id)?.target !== undefined,
    async dangling() {
      const found: DatabaseId[] = [];
      for (const [id, door] of doors) {
        const { target } = door;
        if (target === undefined || isAlive(door.pid)) continue;
        const pid = await postmasterOf(target);
        if (door.target !== target) continue;
        door.pid = pid;
        if (!isAlive(pid)) found.push(id);
      }
      return found;
    },
    async remove(id) {
      const door = doors.get(id);
      doors.delete(id);
      door?.listener?.close();
      await rm(door?.folder ?? doorFolder(dataDir, id), { recursive: true, force: true });
    },
    async prune() {
      const root = join(dataDir, "run", "doors");
      const known = new Set([...doors.values()].map(({ folder }) => basename(folder)));
      for (const name of await readdir(root).catch(() => []))
        if (!known.has(name)) await rm(join(root, name), { recursive: true, force: true });
    },
    async close() {
      const listeners = [...doors.values()].flatMap(({ listener }) => listener ?? []);
      await Promise.all(listeners.map((listener) => new Promise<void>((resolve) => listener.close(() => resolve()))));
    },
  };
}

/** Postgres writes its pid beside its socket; 0 where there is none. */
async function postmasterOf(socketPath: string): Promise<number> {
  const lock = await readFile(`${socketPath}.lock`, "utf8").catch(() => "");
  return Number.parseInt(lock, 10) || 0;
}

function isAlive(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}
