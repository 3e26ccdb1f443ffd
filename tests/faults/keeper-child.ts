/**
 * A gateway without a wire, to be killed: what connects to its socket waits for the keeper and is then told (`L`: one that only wants
 * to know) or piped to the server. Without the keeper (the control) each of them starts the server for himself.
 */
import { spawn } from "node:child_process";
import { connect, createServer, type Socket } from "node:net";
import { makeKeeper } from "../../gateway/keeper/index.ts";
import { makeLocalRunner, ownerOf } from "../../platform/compute/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";

const [dataDir = "", pgBin = "", id = "", socket = "", guarded = ""] = process.argv.slice(2);
const runner = await makeLocalRunner({ dataDir, pgBin });
const keeper = makeKeeper({ dataDir, runner });

async function serve(client: Socket, first: Buffer): Promise<void> {
  const entered = guarded === "yes" ? await keeper.enter(id as DatabaseId, "direct") : await carelessly();
  if (first[0] === 0x4c) {
    entered.confirm();
    client.end("awake");
    return entered.leave();
  }
  const upstream = connect(entered.socketPath, () => {
    entered.confirm();
    upstream.write(first);
    client.on("data", () => entered.touch());
    client.pipe(upstream).pipe(client);
    client.resume();
  });
  upstream.on("error", () => client.destroy());
  client.on("close", () => {
    upstream.destroy();
    entered.leave();
  });
}

/** Nobody knows of the others. */
async function carelessly() {
  const seen = await runner.observe(id as DatabaseId);
  if (seen === undefined) throw new Error("it is gone");
  const socketPath = `${seen.host}/.s.PGSQL.${seen.socketPort}`;
  if (seen.phase !== "Ready") {
    const args = ["-D", `${seen.dataDir}/pgdata`, "-c", `config_file=${seen.dataDir}/postgresql.conf`];
    const user = await ownerOf(`${seen.dataDir}/pgdata`);
    const identity = user === null ? {} : { uid: user.uid, gid: user.gid };
    const log = process.env.NEBULA_TEST_LOG ?? "/dev/null";
    spawn("sh", ["-c", 'exec "$0" "$@" >>"$LOG" 2>&1', `${pgBin}/postgres`, ...args], {
      ...{ ...identity, cwd: "/", detached: true, stdio: "ignore", env: { PATH: "/usr/bin:/bin", LOG: log } },
    }).unref();
    while ((await runner.observe(id as DatabaseId))?.phase !== "Ready")
      await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { socketPath, touch: () => undefined, confirm: () => true, leave: () => undefined };
}

createServer((client) => {
  client.on("error", () => undefined);
  client.once("data", (first) => {
    client.pause();
    serve(client, first).catch((thrown) => client.end(`refused ${String(thrown.code ?? thrown)}`));
  });
}).listen(socket, () => console.log("listening"));
