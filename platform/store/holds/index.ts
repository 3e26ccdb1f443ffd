export {
  forgetHeld,
  type HeldDatabase,
  listToHold,
  listToRelease,
  noteHeld,
  type ToHold,
  type ToRelease,
} from "./held-databases.ts";
export { activeHolds, type HoldRow, holdOver, liftHold, listHolds, putHold } from "./holds.ts";
