-- A sign-in with a client secret: what wrk sends. FORM holds the body.
wrk.method = "POST"
wrk.path = os.getenv("TOKEN_PATH")
wrk.body = os.getenv("FORM")
wrk.headers["content-type"] = "application/x-www-form-urlencoded"
