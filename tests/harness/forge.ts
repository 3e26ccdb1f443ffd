import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Clock,
  makeVault,
  type Observation,
  Secret,
  systemClock,
  type UrlPolicy,
} from "../../platform/core/index.ts";
import { type Forge, type Limits, makeForge } from "../../portal/forge/index.ts";
import { type TestDatabase, testDatabase } from "./postgres.ts";

export type TestForge = {
  readonly forge: Forge;
  readonly url: string;
  /** `${url}/api/v3` */
  readonly apiUrl: string;
  readonly database: TestDatabase;
  readonly dataDir: string;
  /** Faults that the forge reported; a test that expects none asks for it to be empty. */
  readonly faults: readonly Observation[];
  /** Stops the forge and starts another one on the same data, at the same address. */
  restart(): Promise<TestForge>;
  close(): Promise<void>;
};

/** An embedded forge on a free port, with a database and a folder of its own. */
export async function testForge(
  options: { limits?: Partial<Limits>; clock?: Clock; hookPolicy?: UrlPolicy } = {},
): Promise<TestForge> {
  const dataDir = await mkdtemp(join(tmpdir(), "nebula-forge-"));
  const database = await testDatabase({ empty: true });
  const vault = makeVault(new Secret(Buffer.alloc(32, 7).toString("base64")));
  const start = async (port: number): Promise<TestForge> => {
    const faults: Observation[] = [];
    const observe = (observation: Observation) => {
      if (observation.kind === "fault") faults.push(observation);
    };
    const { clock = systemClock, limits = {}, hookPolicy } = options;
    const forge = await makeForge({
      ...{ dataDir, sql: database.sql, vault, observe, clock, limits },
      ...(hookPolicy === undefined ? {} : { hookPolicy }),
    });
    const bound = await forge.listen(port);
    return {
      ...{ forge, url: forge.url(), apiUrl: `${forge.url()}/api/v3`, database, dataDir, faults },
      async restart() {
        await forge.close();
        return start(bound);
      },
      async close() {
        await forge.close();
        await database.close();
        await rm(dataDir, { recursive: true, force: true });
      },
    };
  };
  return start(0);
}
