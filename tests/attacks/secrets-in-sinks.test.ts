/**
 * A whole platform as a user starts it, lived in for a moment: a tenant's secret, databases, people, tokens, rotations, failures
 * and crashes. Then everything that it shows or leaves behind is searched for every secret that was in it.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { readSecretFile, Secret } from "../../platform/core/index.ts";
import { makePool, type Pool } from "../../platform/sql/index.ts";
import { type OtlpReceiver, startOtlpReceiver } from "../harness/otlp-receiver.ts";
import { catalogueRow } from "../harness/row.ts";
import { type Platform, startPlatform } from "../system/platform.ts";
import { makeWorld, type World } from "./canaries.ts";
import { live } from "./canary-life.ts";
import { collect } from "./canary-sinks.ts";
import { type Canary, findLeaks, type Sink, shapesOf } from "./leaks.ts";

let platform: Platform;
let folder: string;
let ledger: Pool;
let forge: Pool;
let world: World;
let receiver: OtlpReceiver;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "nebula-canaries-"));
  const smtp = `canarysmtp${crypto.randomUUID()}`;
  writeFileSync(join(folder, "smtp"), `smtp://mailer:${smtp}@127.0.0.1:1/`, { mode: 0o600 });
  process.env.NEBULA_SMTP_URL_FILE = join(folder, "smtp");
  process.env.NEBULA_LOG_LEVEL = "debug";
  const traces = `canarytraces${crypto.randomUUID()}`;
  writeFileSync(join(folder, "traces"), `authorization=Bearer%20${traces}`, { mode: 0o600 });
  receiver = await startOtlpReceiver();
  platform = await startPlatform({
    env: {
      ...{ NEBULA_TRACES_URL: receiver.url, NEBULA_TRACES_HEADERS_FILE: join(folder, "traces") },
      OTEL_BSP_SCHEDULE_DELAY: "250",
    },
  });
  const owner = readSecretFile(join(platform.data, "secrets/ledger-password"));
  const address = (database: string) =>
    new Secret(
      `postgres://nebula:${owner.reveal()}@127.0.0.1:${new URL(platform.url).port.replace(/\d+/, (n) => String(Number(n) + 2))}/${database}`,
    );
  ledger = makePool({ url: address("nebula"), applicationName: "test", max: 3 });
  forge = makePool({ url: address("forge"), applicationName: "test", max: 2 });
  world = makeWorld({ platform, folder, ledger, forge }, [
    { name: "SMTP password", value: smtp },
    { name: "key of the receiver of traces", value: traces },
  ]);
  await live(world);
  await collect(world);
  world.sink("traces", receiver.raw());
}, 280_000);

afterAll(async () => {
  delete process.env.NEBULA_SMTP_URL_FILE;
  delete process.env.NEBULA_LOG_LEVEL;
  await Promise.all([ledger?.close(), forge?.close()]);
  await platform?.close();
  await receiver?.close();
  rmSync(folder, { recursive: true, force: true });
}, 180_000);

/** What the same places would show if nothing were kept back: each secret once, in one of its shapes. */
function unprotected(canaries: readonly Canary[]): readonly Sink[] {
  return canaries.flatMap(({ name, value }, i) => {
    const shapes = shapesOf(value);
    return [
      {
        name: `a log line with ${name}`,
        content: Buffer.from(`{"level":"info","value":"${shapes[i % shapes.length]}"}`),
      },
    ];
  });
}

catalogueRow({
  suite: "attacks",
  name: "secrets in state, logs, comments, diffs, audit, metrics, traces",
  promise: "no secret stands in any of them, plain, in base64, in hex or escaped",
  n: { small: 40, large: 40 },
  control: { without: "anything that keeps secrets back", n: 10 },
  async run({ guarded }) {
    const { canaries, sinks } = world;
    const searched = guarded ? sinks : unprotected(canaries);
    const violations = findLeaks(canaries, searched);
    const bytes = searched.reduce((sum, { content }) => sum + content.length, 0);
    if (guarded) {
      const empty = searched
        .filter(({ content }) => content.length === 0)
        .map(({ name }) => `${name} was empty: nothing was searched`);
      violations.push(...empty.filter((line) => !/Git's own|logs of databases|supervisor|ledger-archive/.test(line)));
    } else if (violations.length < canaries.length) return { trials: searched.length, violations: [] };
    return {
      trials: searched.length,
      violations,
      figures: { canaries: canaries.length, sinks: searched.length, searchedMb: Math.round(bytes / 1e6) },
    };
  },
});
