/** Owns what the portal's process is told, and how its parts are opened by that. Does not own what they do, nor their order. */
export { openAuth } from "./auth.ts";
export { openFigures } from "./figures.ts";
export { serveForge } from "./forge.ts";
export { readGateway } from "./gateway.ts";
export { readGit } from "./git.ts";
export { listen } from "./listen.ts";
export { readPayments } from "./payments.ts";
export { fields } from "./settings.ts";
