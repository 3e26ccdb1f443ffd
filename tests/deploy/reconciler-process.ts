/** A reconciler reduced to its deployer, to be killed: `node reconciler-process.ts <options as JSON>`. */
import { makeVault, Secret } from "../../platform/core/index.ts";
import { makePool } from "../../platform/sql/index.ts";
import { makeDeployer } from "../../reconciler/deploy/index.ts";

const { ledgerUrl, masterKey, ...options } = JSON.parse(process.argv[2] ?? "{}");
const url = new Secret(ledgerUrl);
const deployer = await makeDeployer({
  ...options,
  sql: makePool({ url, applicationName: "killed" }),
  ledgerUrl: url,
  vault: makeVault(new Secret(masterKey)),
});
await deployer.start();
