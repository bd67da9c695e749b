// What most guides for Node recommend: Express, jsonwebtoken, express-rate-limit with Redis, zod, and BullMQ as the
// queue. One worker for each processor.
import cluster from 'node:cluster'
import { availableParallelism } from 'node:os'
import express from 'express'
import jwt from 'jsonwebtoken'
import { rateLimit } from 'express-rate-limit'
import { RedisStore } from 'rate-limit-redis'
import { createClient } from 'redis'
import { z } from 'zod'
import { Queue } from 'bullmq'

const { PEER_LISTEN, PEER_REDIS, PEER_QUEUE, PEER_SECRET, PEER_PATH } = process.env

const Order = z.strictObject({
  command: z.string().min(1).max(64).regex(/^\/[a-z]+$/),
  order: z.string().min(8).max(64).regex(/^[A-Za-z0-9-]+$/),
  customer: z.strictObject({
    id: z.string().min(1).max(64), name: z.string().min(1).max(128), locale: z.string().min(2).max(16).optional(),
  }),
  items: z.array(z.strictObject({
    sku: z.string().min(1).max(32), quantity: z.number().int().min(1).max(1000), price: z.number().int().min(0),
  })).min(1).max(64),
  delivery: z.strictObject({
    street: z.string().max(128), city: z.string().max(64), postcode: z.string().max(16), country: z.string().length(2),
  }).optional(),
  note: z.string().max(4096).optional(),
  total: z.number().int().min(0),
  currency: z.enum(['CHF', 'EUR', 'GBP', 'USD']),
  express: z.boolean().optional(),
  placed_at: z.number().int().min(0),
  coupon: z.string().max(64).nullable().optional(),
  channel: z.enum(['chat', 'group', 'web']).optional(),
  trace: z.string().max(64).optional(),
})

function authenticate(req, res, next) {
  try {
    const token = req.headers.authorization?.replace(/^Bearer /, '')
    req.user = jwt.verify(token, PEER_SECRET, { algorithms: ['HS256'], issuer: 'botgate', audience: 'botgate' })
    next()
  } catch {
    res.status(401).end()
  }
}

async function work() {
  const redis = createClient({ url: PEER_REDIS })
  await redis.connect()
  const { hostname, port: redisPort } = new URL(PEER_REDIS)
  const queue = new Queue(PEER_QUEUE, { connection: { host: hostname, port: Number(redisPort) } })
  const app = express()
  app.use(PEER_PATH, authenticate, rateLimit({
    windowMs: 60_000, limit: 6000, standardHeaders: 'draft-8', legacyHeaders: false, keyGenerator: (req) => req.user.sub,
    store: new RedisStore({ sendCommand: (...args) => redis.sendCommand(args) }),
  }), express.json({ limit: '1mb' }))
  app.post(PEER_PATH, async (req, res) => {
    const order = Order.safeParse(req.body)
    if (!order.success) return res.status(422).json({ errors: order.error.issues })
    await queue.add('command', order.data)
    res.status(202).json({ status: 'accepted' })
  })
  const [host, port] = PEER_LISTEN.split(':')
  app.listen(Number(port), host)
}

if (cluster.isPrimary) {
  for (let n = 0; n < availableParallelism(); n++) cluster.fork()
  process.on('SIGTERM', () => process.exit(0))
} else {
  await work()
}
