import { setTimeout as sleep } from "node:timers/promises";
import { changesLogin, readServiceKey } from "../../platform/compute/index.ts";
import { asTenant, makeGround, wish } from "../compute/ground.ts";
import { apiOf, hooked, hookSecret, makeReceiver, type Receiver } from "../data-api/changes-ground.ts";
import { startGateway } from "../gateway/gateway-process.ts";
import { eventually } from "../harness/eventually.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

const rows = 5;
const faults = ["gateway", "gateway", "receiver", "fails", "hangs", "breaks", "rolled back"] as const;
const answers: Readonly<Record<string, number | "hang">> = { fails: 503, hangs: "hang", breaks: 0 };

/** Each trial kills the gateway, or lets the receiver fail, hang, break off or die, under writes; at the end everything must have come. */
async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  const ground = await makeGround({ spares: 0 });
  let receiver: Receiver = await makeReceiver();
  const { port, url } = receiver;
  const taken: { readonly id: string; readonly number: number; readonly row: number; readonly version: number }[] = [];
  let mood: () => number | "hang" = () => 204;
  const listenOn = (to: Receiver) => {
    to.answer = (message) => {
      const answer = mood();
      const { key, record, number } = message.data;
      if (answer === 204)
        taken.push({ id: message.id, number, row: Number(key?.id), version: Number(record?.version) });
      return answer;
    };
  };
  listenOn(receiver);
  const wanted = await wish({
    api: apiOf(hooked(url, "entries")),
    apiSecrets: new Map([["hook", hookSecret]]),
  });
  await ground.driver.ensure(wanted);
  const tell = (text: string) => asTenant(ground.driver, wanted, (sql) => sql.query(text));
  await tell("create table entries (id int primary key, version int not null)");
  const env = { NEBULA_PRIVATE_HOSTS: `127.0.0.1:${port}` };
  let gateway = await startGateway(ground.dataDir, env);
  const committed = new Map<number, number>();
  try {
    for (let row = 1; row <= rows; row++) {
      await tell(`insert into entries values (${row}, 0)`);
      committed.set(row, 0);
    }
    for (let trial = 0; trial < n; trial++) {
      const fault = random.pick(guarded ? faults : (["gateway"] as const));
      mood = () => answers[guarded ? fault : "fails"] ?? 204;
      const row = random.int(1, rows);
      const version = (committed.get(row) ?? 0) + 1;
      if (fault === "rolled back") await tell(`begin; update entries set version = -1 where id = ${row}; rollback`);
      if (fault === "receiver") await receiver.close();
      await tell(`update entries set version = ${version} where id = ${row}`);
      committed.set(row, version);
      if (fault === "gateway") {
        await sleep(random.int(0, 30));
        await gateway.stop("SIGKILL");
        // without an outbox that lasts, what was not told yet is told by nobody
        if (!guarded) await asChanges(ground, wanted, forgetting);
        gateway = await startGateway(ground.dataDir, env);
      }
      if (fault === "receiver") {
        receiver = await makeReceiver(port);
        listenOn(receiver);
      }
    }
    mood = () => 204;
    if (guarded) {
      await gateway.stop("SIGKILL");
      // hours go by: what waits for its next try is due
      await asChanges(ground, wanted, "update nebula_changes.deliveries set due_at = now() where state = 'waiting'");
      gateway = await startGateway(ground.dataDir, env);
    }
    const missing = () =>
      [...committed].flatMap(([row, last]) =>
        Array.from({ length: last + 1 }, (_, version) => ({ row, version })).filter(
          (one) => !taken.some((it) => it.row === one.row && it.version === one.version),
        ),
      );
    if (guarded) await eventually("all was told", () => missing().length === 0, { timeoutMs: 120_000, everyMs: 100 });
    else await sleep(3_000);
    const violations = [
      ...missing().map(({ row, version }) => `version ${version} of row ${row} was committed and not told`),
      ...disorder(taken),
      ...taken
        .filter(({ version }) => version < 0)
        .map(({ row }) => `row ${row} was told of a change that was rolled back`),
    ];
    return {
      trials: n,
      violations,
      figures: { told: taken.length, twice: taken.length - new Set(taken.map(({ id }) => id)).size },
    };
  } finally {
    await gateway.stop("SIGKILL");
    await receiver.close();
    await ground.clear();
  }
}

/** The first time that each message of a row was taken is in the order of the changes. */
function disorder(taken: readonly { readonly id: string; readonly row: number; readonly version: number }[]): string[] {
  const last = new Map<number, number>();
  const seen = new Set<string>();
  return taken.flatMap(({ id, row, version }) => {
    if (seen.has(id)) return [];
    seen.add(id);
    const before = last.get(row) ?? -1;
    last.set(row, version);
    return version > before ? [] : [`version ${version} of row ${row} was told after ${before}`];
  });
}

const forgetting = "delete from nebula_changes.outbox; delete from nebula_changes.deliveries where state = 'waiting'";

async function asChanges(
  { dataDir, driver }: Awaited<ReturnType<typeof makeGround>>,
  wanted: Awaited<ReturnType<typeof wish>>,
  text: string,
): Promise<void> {
  const password = await readServiceKey(dataDir, wanted.id, changesLogin);
  if (password === undefined) throw new Error("there is no login for changes");
  const login = { user: changesLogin, password };
  await asTenant(driver, wanted, (sql) => sql.query(text), login);
}

catalogueRow({
  suite: "faults",
  name: "webhook receiver fails, hangs or is killed, gateway killed",
  promise: "every committed change is told at least once and in the order of its row, and none that was not committed",
  n: { small: 20, large: 300 },
  run,
  control: { without: "an outbox that outlives the gateway", n: 10 },
  timeoutMs: 120_000,
});
