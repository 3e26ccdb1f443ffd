process.argv[2] = "gateway";
await import("./stand-in-main.ts");
