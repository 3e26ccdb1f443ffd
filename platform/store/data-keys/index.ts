export {
  type DataKeyRow,
  holdsSealedValues,
  insertDataKey,
  listDataKeys,
  lockDataKeys,
  type NewDataKey,
  retireDataKeys,
  rewrapDataKey,
} from "./data-keys.ts";
