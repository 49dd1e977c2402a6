// Families of rooms for a server that runs by itself: `ROOMS_MODULE=examples/rooms.js npm start`.
import { defineRoom, RoomcastError, Type } from 'roomcast'

export default [
  // Conversations. In the room chat/news only backends speak: they are the ones without a user.
  defineRoom('chat/:id', {
    messages: {
      text: Type.Object({ text: Type.String({ minLength: 1, maxLength: 2000 }) }),
      image: Type.Object({ url: Type.String({ pattern: '^https://' }), width: Type.Integer({ minimum: 1 }) })
    },
    history: { size: 500, ttl: 7 * 86_400 },
    rateLimit: { perSecond: 2, burst: 10 },
    onMessage: ({ params, userId }) => {
      if (params.id !== 'news' || userId === null) return
      throw new RoomcastError('forbidden', { message: 'Only the editors write here' })
    }
  }),

  // Crowds: how many there are is enough, who they are is nobody's business.
  defineRoom('event/:id', { presence: 'counts', history: { size: 100 } }),

  // Where things are right now: nobody asks what was, or who looks.
  defineRoom('map/:id/:layer', {
    messages: { position: Type.Object({ lat: Type.Number(), lng: Type.Number() }) },
    history: { size: 1 },
    presence: 'off'
  })
]
