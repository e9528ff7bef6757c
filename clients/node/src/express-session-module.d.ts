// What is used of express-session, whose own types are a package of their own.
declare module 'express-session' {
    import { EventEmitter } from 'node:events';

    class Store extends EventEmitter {
        createSession(request: object, session: object): object;
    }
    const session: { Store: typeof Store };
    export default session;
}
