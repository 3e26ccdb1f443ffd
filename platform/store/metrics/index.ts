export { forgetMetrics, getKeptMetrics, type KeptMetrics, keepMetrics } from "./cache.ts";
export { type Business, businessFigures, type QueueAge, queueAges } from "./counts.ts";
export {
  type DatabaseSample,
  getDatabaseSample,
  listScraped,
  putDatabaseSamples,
  type ScrapedDatabase,
} from "./samples.ts";
