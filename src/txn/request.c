#include "request.h"

void kh_link_queue_init(kh_link_queue *queue) {
  atomic_init(&queue->stub.next, NULL);
  atomic_init(&queue->tail, &queue->stub);
  atomic_init(&queue->head, &queue->stub);
}

void kh_link_queue_push(kh_link_queue *queue, kh_link *link) {
  atomic_store_explicit(&link->next, NULL, memory_order_relaxed);
  kh_link *before = atomic_exchange(&queue->tail, link);
  atomic_store(&before->next, link); /* with pop's and peek's load of next */
}

kh_link *kh_link_queue_pop(kh_link_queue *queue) {
  kh_link *head = atomic_load_explicit(&queue->head, memory_order_relaxed);
  kh_link *next = atomic_load(&head->next);
  if (head == &queue->stub) {
    if (next == NULL) return NULL;
    atomic_store_explicit(&queue->head, next, memory_order_relaxed);
    head = next;
    next = atomic_load(&head->next);
  }
  if (next == NULL) {
    if (atomic_load(&queue->tail) != head) return NULL; /* a push is half done; its pusher will come for the seat */
    kh_link_queue_push(queue, &queue->stub);
    next = atomic_load(&head->next);
    if (next == NULL) return NULL;
  }
  atomic_store_explicit(&queue->head, next, memory_order_release);
  return head;
}

kh_link *kh_link_queue_peek(kh_link_queue *queue) {
  kh_link *head = atomic_load_explicit(&queue->head, memory_order_acquire);
  return head == &queue->stub ? atomic_load(&queue->stub.next) : head;
}
