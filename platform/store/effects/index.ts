export { ciHeartbeat, type EffectSeen, requestEffect, seeEffect } from "./ci-effects.ts";
export { type Effect, type EffectEnding, type EffectVerb, runNextEffect } from "./effects.ts";
