/** Many projects by plain Automation API, as its documentation shows it, with the same provider and kind of state. */
import { dirname, join } from "node:path";
import pLimit from "p-limit";
import { Project } from "../../platform/components/index.ts";
import { makeStateDriver } from "../../platform/compute/index.ts";
import type { Scope } from "../../platform/core/index.ts";
import { serveProvider } from "../../platform/provider/index.ts";
import { driverEffects, freePort, oneDatabase, openGround } from "./sides.ts";

/** Seconds from the first to the last of `size` stacks, `concurrency` at a time. */
export async function plainFleet(
  scope: Scope,
  { size, concurrency }: { readonly size: number; readonly concurrency: number },
): Promise<number> {
  const ground = await openGround(await freePort());
  scope.add(ground, (it) => it.scope.close());
  const { ledgerUrl, pulumiBin, sql, dataDir } = ground;
  const { LocalWorkspace } = await import("@pulumi/pulumi/automation/index.js");
  const provider = await serveProvider(() => driverEffects(makeStateDriver({ dataDir }), new Map()));
  scope.add(provider, (it) => it.close());
  await sql.query("create schema plain");
  const state = new URL(ledgerUrl.reveal());
  state.search = `?sslmode=disable&options=${encodeURIComponent("-c search_path=plain")}`;
  const envVars = {
    PATH: `${dirname(pulumiBin)}:${process.env.PATH}`,
    PULUMI_BACKEND_URL: state.href,
    PULUMI_CONFIG_PASSPHRASE: "bench",
    PULUMI_DEBUG_PROVIDERS: `nebula:${provider.port}`,
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_HOME: join(dataDir, "plain-home"),
    PULUMI_SKIP_UPDATE_CHECK: "1",
  };
  process.env.PATH = envVars.PATH;
  const deploy = async (i: number): Promise<void> => {
    const spec = oneDatabase("acme", `p${i}`);
    const program = async () => ({ databases: new Project(spec).databases });
    const stack = await LocalWorkspace.createOrSelectStack(
      { stackName: `acme.p${i}`, projectName: "nebuladb", program },
      { envVars },
    );
    await stack.up();
  };
  await deploy(size); // the first creates the backend's table
  const limit = pLimit(concurrency);
  const began = performance.now();
  await Promise.all(Array.from({ length: size }, (_, i) => limit(() => deploy(i))));
  return (performance.now() - began) / 1000;
}
