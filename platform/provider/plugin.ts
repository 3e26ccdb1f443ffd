#!/usr/bin/env node
/**
 * The executable `pulumi-resource-nebula`, which a `pulumi up` outside of the reconciler finds on PATH. It does nothing itself: each
 * effect is asked of the installation, through the ledger that holds Pulumi's state, as the tenant's CI role.
 * Pulumi reads the port from the first line of the output and ends the process when it is done.
 */
import { Secret } from "../core/index.ts";
import { makePool, type Pool } from "../sql/index.ts";
import type { Effects } from "./effects.ts";
import { noLedger } from "./errors.ts";
import { makeQueuedEffects } from "./queued.ts";
import { serveProvider } from "./serve.ts";

/** The ledger is reached when the first effect is asked for: a preview asks for none. */
function lazyEffects(env: NodeJS.ProcessEnv): () => Effects {
  let effects: Effects | undefined;
  return () => {
    effects ??= makeQueuedEffects({ sql: openLedger(env.PULUMI_BACKEND_URL ?? "") });
    return effects;
  };
}

function openLedger(address: string): Pool {
  if (!/^postgres(ql)?:/.test(address)) throw noLedger("PULUMI_BACKEND_URL is not the address of a ledger");
  return makePool({ url: new Secret(address), max: 4, applicationName: "pulumi-resource-nebula" });
}

if (import.meta.main) {
  const served = await serveProvider(lazyEffects(process.env));
  process.stdout.write(`${served.port}\n`);
  process.stdin.on("end", () => process.exit(0)).resume();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined); // Pulumi ends us itself
}
