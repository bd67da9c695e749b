// A bot that prints what it gets: BOT_SECRET=whsec_… node example.mjs
import http from "node:http";
import { nodeHandler } from "./botgate.mjs";

const bot = nodeHandler({
  secrets: [process.env.BOT_SECRET],
  handle: (event) => {
    console.log(`bot: ${event.type} from ${event.subject} (${event.body.length} bytes), event ${event.id}`);
  },
});
const server = http.createServer(bot).listen(process.env.PORT ?? 9090, "127.0.0.1", () => {
  console.log(`The bot listens on 127.0.0.1:${server.address().port}`);
});
