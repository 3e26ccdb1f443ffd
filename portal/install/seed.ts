import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { home, type InstallParts } from "./parts.ts";

const root = join(import.meta.dirname, "../..");

/** The tenants' repository with what is in it at first. */
export async function ensureSeeded({ forge, data }: InstallParts): Promise<void> {
  const wanted = { ...home, description: "Databases of this installation's tenants" };
  const { commit } = await forge.bootstrap.ensureRepository(wanted);
  if (commit !== undefined) return;
  const seed = await inWorker<ReadonlyMap<string, Uint8Array>>("../../tools/seed-repository.ts", {
    seed: true,
    root,
    cache: join(data, "cache"),
  });
  await forge.bootstrap.ensureRepository({
    ...wanted,
    seedFiles: new Map([...seed].map(([path, bytes]) => [path, Buffer.from(bytes)])),
    seedMessage: "Seed the tenants' repository",
  });
}

const inWorker = <T>(script: string, workerData: unknown): Promise<T> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(script, import.meta.url), {
      workerData,
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (status) => reject(new Error(`${script} ended with ${status} and no answer`)));
  });
