import { registerHooks } from "node:module";

/** What Pulumi's SDK loads to serialise closures for dynamic providers, which this project never uses: 50 MB and half a second. */
const unused = ["typescript", "@npmcli/arborist"];

/** Call it before the SDK is loaded. */
export function loadLightSdk(): void {
  const nothing = new URL("nothing.cjs", import.meta.url).href;
  registerHooks({
    resolve: (specifier, context, next) =>
      unused.includes(specifier) && context.parentURL?.includes("/@pulumi/pulumi/") === true
        ? { url: nothing, shortCircuit: true }
        : next(specifier, context),
  });
}
