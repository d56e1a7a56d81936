-- A 1 KB JSON order.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"customer":{"id":48151623,"name":"Ada Lovelace","email":"ada@example.com"},"items":[' ..
  string.rep('{"sku":"LMP-00421","name":"Reading lamp, brass","quantity":2,"price":4990,"options":{"colour":"brass","switch":"inline"}},', 7) ..
  '{"sku":"RUG-7","quantity":1,"price":12900}],"note":"Please leave it with the neighbour; ring twice."}'
